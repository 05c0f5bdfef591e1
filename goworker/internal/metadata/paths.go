package metadata

// Files that artifacts of this plugin may have beside their tables, by their paths in the artifact.
const (
	SampleIDsPath        = "fiftyone/sample_ids.txt"
	LabelIDsPath         = "fiftyone/label_ids.txt"
	LowConfidenceIDsPath = "fiftyone/low_confidence_label_ids.txt"
	// ViewPath has the stages of the view that was logged.
	ViewPath = "fiftyone/view.json"
	// ReferencesPath is the file that a view without labels is logged as.
	ReferencesPath = "sample_references.json"
)

// Files of evaluations' artifacts.
const (
	FalsePositiveIDsPath = "fiftyone/fp_label_ids.txt"
	FalseNegativeIDsPath = "fiftyone/fn_label_ids.txt"
	WrongIDsPath         = "fiftyone/wrong_label_ids.txt"
	// WorseIDsPath has the samples on which the evaluation is worse than the one that it is compared with.
	WorseIDsPath = "fiftyone/worse_sample_ids.txt"
)
