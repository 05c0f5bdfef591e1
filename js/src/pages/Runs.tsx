// The project's runs: those of the dataset first, then the newest.

import React, { useEffect, useMemo, useState } from "react";
import { useApp, useData, useKept, useRemembered } from "../app";
import { plural, text } from "../format";
import type { Go, Where } from "../nav";
import { Age, Card, Field, LinkOut, Notice, State, Status, Tags } from "../parts";
import type { DatasetFacts, Run, RunPage, RunRecord } from "../types";

/** How long to wait for the next letter of a search, in milliseconds. */
const TYPING = 400;

const METRICS = 4;

/** How many runs of the dataset are shown first, so that the others can be seen too. */
const MINE = 6;

export function Runs(props: { where: Where; dataset: DatasetFacts | null; go: Go }) {
  const { calls, refresh } = useApp();
  const place = `${props.where.entity}/${props.where.project}`;
  const [search, setSearch] = useKept(`search:${place}`, "");
  const [typed, setTyped] = useState(search);
  const [pages, setPages] = useKept<string[]>(`runs:${place}`, [""]);
  const [chosen, setChosen] = useRemembered(`metrics:${place}`, "");

  useEffect(() => {
    if (typed.trim() === search) return;
    const timer = setTimeout(() => {
      setSearch(typed.trim());
      setPages([""]);
    }, TYPING);
    return () => clearTimeout(timer);
  }, [typed, search, setSearch, setPages]);

  const metrics = useMemo(() => names(chosen), [chosen]);
  const after = pages.at(-1) ?? "";
  const loaded = useData<RunPage>("runs", { ...props.where, search, after, metrics });
  const records = useMemo(() => ofProject(props.dataset, props.where), [props.dataset, props.where]);
  const first = pages.length === 1 && search === "";
  const runs = loaded.data?.runs ?? [];
  const known = new Set(records.map((record) => record.id));
  const mine = first ? ours(records, runs) : [];
  const [all, setAll] = useState(false);
  const others = first ? runs.filter((run) => !known.has(run.id)) : runs;
  const open = (id: string) => props.go({ tab: "runs", open: id });

  return (
    <>
      <div className="w-bar">
        <input
          type="search"
          className="w-grow"
          aria-label="Search runs by name or id"
          placeholder="Search runs"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <MetricChoice value={chosen} choose={setChosen} />
      </div>
      <Status of={loaded} again={refresh} />
      {mine.length > 0 && (
        <section aria-label="Runs of this dataset">
          <h3>Of this dataset</h3>
          <ul className="w-list">
            {(all ? mine : mine.slice(0, MINE)).map(({ record, run }) => (
              <RunRow key={record.id} run={run} record={record} open={open} />
            ))}
          </ul>
          {mine.length > MINE && (
            <button type="button" className="w-link w-small" aria-expanded={all} onClick={() => setAll(!all)}>
              {all ? "Show fewer" : `Show all ${mine.length}`}
            </button>
          )}
        </section>
      )}
      {loaded.data && (
        <section aria-label="All runs">
          {mine.length > 0 && others.length > 0 && <h3>Others</h3>}
          <ul className="w-list">
            {others.map((run) => (
              <RunRow key={run.id} run={run} record={records.find((r) => r.id === run.id)} open={open} />
            ))}
          </ul>
          {runs.length === 0 && mine.length === 0 && (
            <Notice
              actions={
                !search && (
                  <button
                    type="button"
                    className="w-main"
                    onClick={() => calls.prompt("log_fiftyone_view_to_wandb", { ...props.where })}
                  >
                    Log this view
                  </button>
                )
              }
            >
              {search
                ? `No run's name or id contains “${search}”.`
                : "This project has no runs yet. Log what you see in the grid, and it shows up here."}
            </Notice>
          )}
        </section>
      )}
      <Pager pages={pages} next={loaded.data?.next ?? ""} total={loaded.data?.total ?? 0} set={setPages} />
    </>
  );
}

export function Pager(props: { pages: string[]; next: string; total: number; set: (pages: string[]) => void }) {
  const { pages, next } = props;
  if (pages.length === 1 && !next) return null;
  return (
    <nav className="w-bar" aria-label="Pages">
      <button type="button" disabled={pages.length === 1} onClick={() => props.set(pages.slice(0, -1))}>
        Newer
      </button>
      <button type="button" disabled={!next} onClick={() => props.set([...pages, next])}>
        Older
      </button>
      <span className="w-soft w-small">
        Page {pages.length}
        {props.total > 0 && ` · ${plural(props.total, "entry").replace("entrys", "entries")}`}
      </span>
    </nav>
  );
}

function MetricChoice(props: { value: string; choose: (value: string) => void }) {
  const [typed, setTyped] = useState(props.value);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        props.choose(typed);
      }}
    >
      <Field label="Metrics">
        <input
          type="text"
          size={16}
          value={typed}
          placeholder="such as loss, val/acc"
          title="Which values of the summary to show: their names, separated by commas. Default: a few of the newest"
          onChange={(event) => setTyped(event.target.value)}
          onBlur={() => props.choose(typed)}
        />
      </Field>
    </form>
  );
}

function RunRow(props: { run: Run; record?: RunRecord | undefined; open: (id: string) => void }) {
  const { run, record } = props;
  const shown = Object.entries(run.metrics).slice(0, METRICS);
  return (
    <Card
      mine={record !== undefined}
      aside={
        <LinkOut url={run.url} label={`Open the run ${run.name} in W&B`}>
          W&amp;B
        </LinkOut>
      }
    >
      <div className="w-row">
        <button type="button" className="w-link" onClick={() => props.open(run.id)}>
          {run.name}
        </button>
        <State state={run.state} />
        <Age of={run.created} />
      </div>
      {shown.length > 0 && (
        <div className="w-row w-small">
          {shown.map(([key, value]) => (
            <span key={key}>
              <span className="w-soft">{key}</span> <span className="w-num">{text(value)}</span>
            </span>
          ))}
        </div>
      )}
      {(record || run.tags.length > 0) && (
        <div className="w-row w-tags">
          {record && (
            <span className="w-tag w-strong" title={`FiftyOne's record: ${record.key}`}>
              {record.linked ? "linked" : "logged from here"}
              {record.field ? `: ${record.field}` : ""}
            </span>
          )}
          <Tags tags={run.tags} />
        </div>
      )}
    </Card>
  );
}

function names(text: string): string[] {
  return text
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
}

/** The dataset's records of runs of this project, one for each run. */
function ofProject(dataset: DatasetFacts | null, where: Where): RunRecord[] {
  const found = new Map<string, RunRecord>();
  for (const record of dataset?.records ?? []) {
    if (record.project !== where.project || (record.entity && record.entity !== where.entity)) continue;
    const before = found.get(record.id);
    if (!before || (record.linked && !before.linked)) found.set(record.id, record);
  }
  return [...found.values()];
}

function ours(records: RunRecord[], runs: Run[]): { record: RunRecord; run: Run }[] {
  const found = records.map((record) => ({
    record,
    // An old run may not be on this page: then the record says what it knew.
    run: runs.find((run) => run.id === record.id) ?? { ...record, tags: [], metrics: {}, user: "" },
  }));
  const order = (one: { record: RunRecord; run: Run }) => `${one.record.linked ? 1 : 0}${one.run.created}`;
  return found.sort((a, b) => order(b).localeCompare(order(a)));
}
