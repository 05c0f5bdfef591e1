// The App, as components see it in tests: what they asked, and what they are answered.

export interface Event {
  operator: string;
  params: Record<string, unknown>;
  prompt?: boolean;
  callback?: (result: { result?: unknown; error?: unknown; errorMessage?: string }) => unknown;
}

type Answer = Record<string, unknown> | ((params: Record<string, unknown>) => Record<string, unknown>);

/** All events since the test began. */
export let events: Event[] = [];

/** What the bundle has registered. */
export const operators: {
  operator: { config: { name: string }; execute(ctx: object): Promise<void>; useHooks(): unknown };
  plugin: string;
}[] = [];
export const components: { name: string }[] = [];

/** The operators whose forms were opened without a panel. */
export const prompted: { operator: string; form: unknown }[] = [];

let answers: Record<string, Answer> = {};

export const PLACE = {
  entity: "me",
  entities: ["me", "team"],
  username: "me",
  projects: [{ name: "first" }, { name: "second" }],
  more: false,
  project: "second",
};

export const DATASET = {
  dataset: "digits",
  datasetId: "d1",
  records: [] as object[],
  fields: ["predictions"],
  selection: null as object | null,
};

/** The beginning of a table of an artifact that has none. */
export const NO_TABLE = {
  tables: [] as string[],
  table: "",
  note: "This artifact has no table.",
  columns: [] as string[],
  allColumns: 0,
  rows: [] as object[][],
  more: false,
  total: null as number | null,
  pictures: [] as object[],
  classes: [] as object[],
};

export function run(id: string, more: object = {}) {
  return {
    id,
    name: `run ${id}`,
    state: "finished",
    created: "2026-01-01T00:00:00",
    tags: ["fiftyone"],
    metrics: { loss: 0.25 },
    user: "me",
    url: `http://wandb.test/runs/${id}`,
    entity: "me",
    project: "second",
    ...more,
  };
}

export function artifact(name: string, version: string, more: object = {}) {
  return {
    id: `${name}-${version}`,
    name,
    type: "dataset",
    version,
    aliases: ["latest"],
    created: "2026-01-01T00:00:00",
    size: 2_500_000,
    files: 5,
    samples: 1200,
    dataset: "digits",
    datasetId: "d2",
    model: "",
    field: "",
    url: `http://wandb.test/artifacts/${name}/${version}`,
    entity: "me",
    project: "second",
    description: "",
    ...more,
  };
}

export function job(id: string, more: object = {}) {
  return {
    id,
    operator: "log_fiftyone_view_to_wandb",
    dataset: "digits",
    parameters: { project: "second" },
    state: "completed",
    fraction: 1,
    label: "Done",
    created: Date.now() / 1000 - 60,
    updated: Date.now() / 1000 - 55,
    finished: Date.now() / 1000 - 55,
    error: null,
    delegated: false,
    url: "http://wandb.test/a",
    entity: "me",
    project: "second",
    artifact: "digits_train:v0",
    dryRun: false,
    samples: 12,
    warnings: [],
    shared: null,
    ...more,
  };
}

/** Begins a test: a login, two projects and nothing in them. */
export function reset() {
  events = [];
  answers = {
    place: PLACE,
    dataset: DATASET,
    jobs: { jobs: [] },
    runs: { runs: [], next: "", total: 0 },
    artifacts: { artifacts: [], next: "", total: 0 },
    versions: { artifacts: [], next: "", total: 0 },
    reports: { reports: [] },
    table: NO_TABLE,
    offline: { runs: [] },
  };
}

/** Sets what an event is answered. Without a state, it is ready. */
export function answer(event: string, value: Answer) {
  answers[event] = value;
}

export function problem(code: string, text: string) {
  return { state: "problem", code, text };
}

/** The params of all events of a name, the oldest first. */
export function asked(name: string) {
  return events.filter((event) => event.operator.endsWith(`#ask_${name}`)).map((event) => event.params);
}

/** Does what the App does with an event: the answer comes later. */
export function handle(event: Event) {
  events.push(event);
  if (event.prompt) return;
  const name = event.operator.split("#ask_")[1] ?? event.operator.split("/").at(-1) ?? "";
  const found = answers[name];
  queueMicrotask(() => {
    if (found === undefined) {
      event.callback?.({
        error: "Traceback\n  of things\nValueError: no such event",
        errorMessage: `no answer for ${name}`,
      });
      return;
    }
    const value = typeof found === "function" ? found(event.params) : found;
    if ("error" in value && "errorMessage" in value) event.callback?.(value);
    else event.callback?.({ result: { state: "ready", ...value } });
  });
}
