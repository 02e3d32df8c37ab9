"""The weights that come with facetally, their manifest and their cards."""
