// What the panel's events answer: see shim/panel.

export interface Project {
  name: string;
}

export interface Place {
  entity: string;
  entities: string[];
  username: string;
  projects: Project[];
  /** Whether there are more than these, the newest. */
  more: boolean;
  project: string;
}

export interface RunRecord {
  key: string;
  linked: boolean;
  id: string;
  entity: string;
  project: string;
  name: string;
  state: string;
  created: string;
  url: string;
  field: string | null;
}

export interface Selection {
  kind: "run" | "report" | "project";
  url: string;
  title: string;
  entity: string;
  project: string;
  id: string;
  selected: number;
}

export interface DatasetFacts {
  dataset: string | null;
  /** FiftyOne's id of the dataset, which stays when it is renamed. */
  datasetId: string | null;
  records: RunRecord[];
  fields: string[];
  selection: Selection | null;
}

export interface Run {
  id: string;
  name: string;
  state: string;
  created: string;
  tags: string[];
  metrics: Record<string, unknown>;
  user: string;
  url: string;
  entity: string;
  project: string;
}

export interface RunPage {
  runs: Run[];
  next: string;
  total: number;
}

export type Row = Record<string, unknown>;

export interface RunDetails {
  run: Run;
  config: Record<string, unknown>;
  summary: Record<string, unknown>;
  notes: string;
  historyKeys: string[];
  history: Row[];
  inputs: Artifact[];
  outputs: Artifact[];
}

export interface Artifact {
  id: string;
  name: string;
  type: string;
  version: string;
  aliases: string[];
  created: string;
  size: number;
  files: number;
  samples: number;
  dataset: string;
  /** Its id; empty where the artifact does not say it. */
  datasetId: string;
  model: string;
  field: string;
  url: string;
  entity: string;
  project: string;
  description: string;
}

export interface ArtifactPage {
  artifacts: Artifact[];
  next: string;
  total: number;
}

export interface ArtifactContent {
  artifact: Artifact;
  metadata: Record<string, unknown>;
  classes: Record<string, number>;
  usedBy: Run[];
  createdBy: Run | null;
}

export type Part = "added" | "removed" | "kept";

export interface Comparison {
  parts: Record<Part, { samples: number; missing: number }>;
}

export interface PredictionFacts {
  field: string;
  classes: { name: string; count: number }[];
  numClasses: number;
  confidences: number[];
  withoutConfidence: number;
  rows: number;
  notes: string[];
}

export interface LoadResult {
  result: {
    artifact_name: string;
    samples_loaded: number;
    way: string;
    gone: number;
    new: number;
    view_name: string | null;
    warnings: { message: string }[];
  };
}

export interface Job {
  id: string;
  operator: string;
  dataset: string;
  parameters: Record<string, unknown>;
  state: "queued" | "running" | "completed" | "failed" | "cancelled";
  fraction: number;
  label: string;
  created: number;
  updated: number;
  finished: number | null;
  error: string | null;
  delegated: boolean;
  url: string | null;
  /** Where the artifact is; empty where the result does not say. */
  entity: string;
  project: string;
  artifact: string | null;
  /** Whether it only said what it would do. */
  dryRun: boolean;
  samples: number | null;
  warnings: string[];
  /** How far it is, if several workers share it. */
  shared: SharedJob | null;
}

export interface SharedJob {
  /** The parts that its rows are cut into, and how many of them were read and uploaded. */
  shards: number;
  read: number;
  uploaded: number;
  /** How many workers wait for a background service. */
  waiting: number;
  /** Whether all of its workers are gone before its end. */
  resumable: boolean;
  workers: { slot: number; host: string; alive: boolean; note: string }[];
}

export interface Report {
  id: string;
  title: string;
  description: string;
  updated: string;
  user: string;
  url: string;
}

export interface TablePicture {
  /** The picture itself, as a data address. */
  url: string;
  width: number;
  height: number;
}

/** A box in fractions of its picture. */
export interface TableBox {
  x: number;
  y: number;
  width: number;
  height: number;
  caption: string;
  colour: string;
}

export interface TableImage {
  /** Its place in {@link TableHead.pictures}; null where `problem` says why it is not there. So it is with masks. */
  picture: number | null;
  problem: string;
  caption: string;
  boxes: { key: string; left: number; boxes: TableBox[] }[];
  masks: { key: string; picture: number | null; problem: string }[];
}

export interface TableCell {
  kind: "empty" | "text" | "number" | "bool" | "time" | "json" | "image" | "media";
  text: string;
  /** Whether the text goes on. */
  cut: boolean;
  image?: TableImage;
}

/** The first rows of a table. */
export interface TableHead {
  tables: string[];
  table: string;
  /** Why there is no table. */
  note: string;
  columns: string[];
  allColumns: number;
  rows: TableCell[][];
  more: boolean;
  total: number | null;
  pictures: TablePicture[];
  /** The classes that masks show. */
  classes: { name: string; colour: string }[];
}

/** An offline run of this plugin that was not uploaded yet. */
export interface OfflineRun {
  directory: string;
  name: string;
  artifact: string;
  type: string;
  entity: string;
  project: string;
  rows: number | null;
  /** Seconds since 1970. */
  written: number;
}
