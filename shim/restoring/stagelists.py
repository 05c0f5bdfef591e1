"""The view stages of FiftyOne that may come out of an artifact, with what they may say."""

# FiftyOne's stages and the arguments that they store, without two of them: `_state` names generated datasets that
# FiftyOne would delete, and `_uuid` differs in each session.
ARGUMENTS = {
    "Concat": "samples",
    "Exclude": "sample_ids",
    "ExcludeBy": "field values",
    "ExcludeFields": "field_names meta_filter _allow_missing",
    "ExcludeFrames": "frame_ids omit_empty",
    "ExcludeGroups": "group_ids",
    "ExcludeGroupSlices": "slices media_type",
    "ExcludeLabels": "labels ids instance_ids tags fields omit_empty",
    "Exists": "field bool",
    "FilterField": "field filter only_matches",
    "FilterKeypoints": "field filter labels only_matches",
    "FilterLabels": "field filter only_matches trajectories",
    "Flatten": "stages",
    "GeoNear": "point location_field min_distance max_distance query create_index",
    "GeoWithin": "boundary location_field strict create_index",
    "GroupBy": "field_or_expr order_by reverse flat match_expr sort_expr create_index order_by_key",
    "Limit": "limit",
    "LimitLabels": "field limit",
    "MapLabels": "field map",
    "MapValues": "field map",
    "Match": "filter",
    "MatchFrames": "filter omit_empty",
    "MatchLabels": "labels ids instance_ids tags filter fields bool",
    "MatchTags": "tags bool all",
    "Mongo": "pipeline _needs_frames _group_slices",
    "Select": "sample_ids ordered",
    "SelectBy": "field values ordered",
    "SelectFields": "field_names meta_filter _allow_missing",
    "SelectFrames": "frame_ids omit_empty",
    "SelectGroups": "group_ids ordered",
    "SelectGroupSlices": "slices media_type flat _allow_mixed _force_mixed",
    "SelectLabels": "labels ids instance_ids tags fields omit_empty",
    "SetField": "field expr _allow_missing",
    "Shuffle": "seed _randint",
    "Skip": "skip",
    "SortBy": "field_or_expr reverse create_index",
    "SortBySimilarity": "query k reverse dist_field brain_key",
    "Take": "size seed _randint",
    "ToClips": "field_or_expr config",
    "ToEvaluationPatches": "eval_key config",
    "ToFrames": "config",
    "ToPatches": "field config",
    "ToTrajectories": "field config",
}

# The allowed keys of `config`. FiftyOne's other keys set the generated dataset's name, its indexes, and the directory
# of ffmpeg's pictures; no row depends on them.
CONFIG = {
    "ToClips": {"other_fields", "tol", "min_len"},
    "ToEvaluationPatches": {"other_fields"},
    "ToFrames": {"sample_frames", "fps", "max_fps", "sparse"},
    "ToPatches": {"other_fields", "keep_label_lists"},
    "ToTrajectories": {"other_fields", "tol", "min_len"},
}

#: Stages for which FiftyOne would create an index.
INDEXING = {"GeoNear", "GeoWithin", "GroupBy", "SortBy"}

#: Arguments that name fields, or that FiftyOne makes keys of: each a text or a list of texts.
FIELDS = {
    "_group_slices",
    "brain_key",
    "eval_key",
    "field",
    "field_names",
    "fields",
    "location_field",
    "order_by",
    "other_fields",
    "slices",
}

#: Arguments that are expressions, or, where they are texts, name fields.
EXPRESSIONS = {"field_or_expr", "match_expr", "sort_expr"}

#: The stages whose `filter` is an expression; that of Match is a query.
FILTERING = {"FilterField", "FilterKeypoints", "FilterLabels", "MatchFrames", "MatchLabels"}

#: Stages that may sort all rows.
SORTING = {"GeoNear", "GroupBy", "Select", "SelectBy", "SelectGroups", "Shuffle", "SortBy", "SortBySimilarity", "Take"}
