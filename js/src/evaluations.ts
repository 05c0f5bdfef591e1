// Evaluations, as the panel's events answer them: see shim/panel/evaluations.py. No number is computed here.

/** An evaluation of the dataset, before its results are read. */
export interface Evaluation {
  key: string;
  type: string;
  method: string;
  truth: string;
  predictions: string;
  iou: number | null;
  evaluated: string;
  /** Whether a view was evaluated, and not the whole dataset. */
  ofView: boolean;
  /** Without them it has failed, or is under way. */
  hasResults: boolean;
}

export interface Metric {
  name: string;
  value: number;
}

export interface Headline {
  metrics: Metric[];
  /** How many labels differ from what was evaluated. */
  changed: number;
}

export interface ClassNumbers {
  name: string;
  precision: number;
  recall: number;
  f1: number;
  support: number;
  tp: number;
  fp: number;
  fn: number;
  ap: number | null;
}

export type ClassMetric = "support" | "precision" | "recall" | "f1" | "ap";

export interface Matrix {
  labels: string[];
  /** Row, column, count: the diagonal, then the others, the largest first. */
  cells: [number, number, number][];
  /** Cells that were left out. */
  left: number;
  mostConfused: number[];
}

export type Point = [number, number];

export interface Line {
  name: string;
  points: Point[];
}

export interface CurveData {
  kind: "precision_recall" | "roc" | "residuals";
  title: string;
  lines: Line[];
}

export interface Numbers extends Headline {
  key: string;
  type: string;
  missing: string;
  classes: ClassNumbers[];
  confusion: Matrix | null;
  curves: CurveData[];
}

/** The numbers of an evaluation, with those of another one where both were compared. */
export interface Compared extends Numbers {
  other?: Numbers;
  differences?: Metric[];
  classDifferences?: ClassNumbers[];
}

export interface EvaluationAnswer {
  numbers: Compared;
  /** The keys of those that it can be compared with. */
  comparable: string[];
}

/** Where an evaluation is in W&B. */
export interface Logged {
  logged: "logged" | "changed" | "not_logged";
  note: string;
  artifact?: { name: string; version: string; url: string; entity: string; project: string };
  run?: { id: string; name: string; url: string } | null;
  loggedAt?: string;
}

/** What a click shows: see shim/panel/evaluation_views.py. */
export type Show = (
  what: "cell" | "class" | "outcome" | "worst" | "worse" | "better",
  params?: Record<string, unknown>,
) => void;

/** The colours of an evaluation and of the one that it is compared with. */
export const OWN = "var(--w-accent)";
export const OTHER = "#4c9be8";

const MAIN: Record<string, string[]> = {
  detection: ["mAP", "mAP_50", "F1", "precision", "recall"],
  classification: ["accuracy", "F1", "precision", "recall"],
  segmentation: ["mIoU", "accuracy", "F1", "dice"],
  regression: ["root_mean_squared_error", "mean_absolute_error", "r2_score"],
};

/** How many metrics a list shows. */
const SHOWN = 4;

/** The metrics that a list shows: those that people ask for first, else the first ones. */
export function main(type: string, metrics: Metric[]): Metric[] {
  const wanted = (MAIN[type] ?? []).flatMap((name) => metrics.filter((metric) => metric.name === name));
  const found = wanted.length > 0 ? wanted : metrics;
  // Only one of the two: both would say nearly the same.
  const one = found.some((metric) => metric.name === "mAP")
    ? found.filter((metric) => metric.name !== "mAP_50")
    : found;
  return one.slice(0, SHOWN);
}

const LOWER = /^(fp|fn|incorrect)$|error|^(mse|rmse|mae)$/i;

/** Whether a difference is good news: 1, bad news: -1, or none: 0. Counts of what was there say nothing. */
export function verdict(name: string, difference: number): number {
  if (difference === 0 || name === "support" || name === "average_confidence") return 0;
  return Math.sign(difference) * (LOWER.test(name) ? -1 : 1);
}

/** A name of a metric, as people read it. */
export function title(name: string): string {
  const known: Record<string, string> = {
    tp: "True positives",
    fp: "False positives",
    fn: "False negatives",
    f1: "F1",
    ap: "AP",
    r2_score: "R²",
  };
  const found = known[name];
  if (found) return found;
  const words = name.replace(/_score$/, "").replaceAll("_", " ");
  return /^[a-z]/.test(words) && !/^m(AP|AR|IoU)/.test(words) ? words.charAt(0).toUpperCase() + words.slice(1) : words;
}

/** A count that fits into a cell, such as "12k". */
export function short(value: number): string {
  if (value < 10_000) return String(value);
  if (value < 1_000_000) return `${Math.round(value / 1000)}k`;
  return `${Number((value / 1_000_000).toPrecision(3))}M`;
}

/** A difference with its sign. */
export function signed(value: number, format: (value: number) => string): string {
  return value > 0 ? `+${format(value)}` : value < 0 ? `−${format(-value)}` : "0";
}

/** The name of a class that may be empty. */
export function named(name: string): string {
  return name || "(no name)";
}
