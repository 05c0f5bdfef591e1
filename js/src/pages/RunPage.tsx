// One run: what it was given, what came of it, and how it got there.

import React, { useMemo, useState } from "react";
import { useAction, useApp, useData, type Calls } from "../app";
import { COLOURS, Curve, type Line } from "../charts";
import { pathOf, placeOf, type Go, type Where } from "../nav";
import { Age, Back, Field, KeyValues, LinkOut, Loading, ProblemNotice, Section, State, Status, Tags } from "../parts";
import { FirstRows } from "./Table";
import type { Artifact, DatasetFacts, RunDetails, Row, RunPage as Page, RunRecord } from "../types";

/** Curves that are shown before anybody asks for more. */
const CURVES = 4;

/** Metrics that can be chosen before anybody asks for all of them. */
const METRICS = 12;

/** Artifacts whose tables are shown before anybody asks for all of them. */
const TABLES = 3;

/** How many are shown then. */
const MOST_TABLES = 20;

/** Types of artifacts that have no table. */
const WITHOUT_TABLES = new Set(["model", "code", "job"]);

/** Runs over each other: more could not be told apart. */
const MOST_RUNS = 6;

export function RunPage(props: {
  where: Where;
  run: string;
  dataset: DatasetFacts | null;
  go: Go;
  changed: () => void;
}) {
  const { refresh } = useApp();
  const { where, run } = props;
  const loaded = useData<RunDetails>("run", { ...where, run });
  const details = loaded.data;
  return (
    <>
      <Back to="Runs" onClick={() => props.go({ tab: "runs" })} />
      <Status of={loaded} again={refresh} />
      {details && (
        <>
          <div className="w-bar">
            <h2>{details.run.name}</h2>
            <State state={details.run.state} />
            <Age of={details.run.created} />
            <span className="w-right">
              <LinkOut url={details.run.url} main>
                Open in W&amp;B
              </LinkOut>
            </span>
          </div>
          <div className="w-row w-small w-soft">
            <span>{details.run.id}</span>
            {details.run.user && <span>by {details.run.user}</span>}
            <Tags tags={details.run.tags} />
          </div>
          {details.notes && <p>{details.notes}</p>}
          <Linking details={details} dataset={props.dataset} changed={props.changed} />
          <Curves where={placeOf(details.run, where)} details={details} />
          <Tables where={where} artifacts={details.outputs} />
          <div className="w-split">
            <Section title="Summary">
              <KeyValues values={details.summary} name="Summary" />
            </Section>
            <Section title="Config">
              <KeyValues values={details.config} name="Config" />
            </Section>
          </div>
          <Artifacts title="Used" where={where} artifacts={details.inputs} go={props.go} />
          <Artifacts title="Made" where={where} artifacts={details.outputs} go={props.go} />
        </>
      )}
    </>
  );
}

/** The tables that the run has made, each in its newest version: those that W&B shows in the run's workspace. */
function Tables(props: { where: Where; artifacts: Artifact[] }) {
  const [all, setAll] = useState(false);
  const newest = new Map<string, Artifact>();
  for (const artifact of props.artifacts) {
    const path = pathOf(artifact.name, artifact, props.where);
    const other = newest.get(path);
    if (!WITHOUT_TABLES.has(artifact.type) && (!other || age(artifact) > age(other))) newest.set(path, artifact);
  }
  const tables = [...newest.values()].slice(0, MOST_TABLES);
  return (
    <>
      {(all ? tables : tables.slice(0, TABLES)).map((artifact) => (
        <FirstRows
          key={artifact.id}
          quiet
          title={`Table of ${artifact.name}:${artifact.version}`}
          where={placeOf(artifact, props.where)}
          artifact={`${artifact.name}:${artifact.version}`}
        />
      ))}
      {tables.length > TABLES && (
        <button type="button" className="w-link w-small" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Show fewer tables" : `Show the tables of ${tables.length} artifacts`}
        </button>
      )}
    </>
  );
}

function age(artifact: Artifact): number {
  return Number(artifact.version.replace(/^v/, ""));
}

function Artifacts(props: { title: string; where: Where; artifacts: Artifact[]; go: Go }) {
  if (props.artifacts.length === 0) return null;
  return (
    <Section title={`${props.title} artifacts`}>
      <ul className="w-list">
        {props.artifacts.map((artifact) => (
          <li className="w-card w-row" key={artifact.id}>
            <button
              type="button"
              className="w-link"
              onClick={() =>
                props.go({
                  tab: "artifacts",
                  open: pathOf(`${artifact.name}:${artifact.version}`, artifact, props.where),
                })
              }
            >
              {artifact.name}:{artifact.version}
            </button>
            <span className="w-soft w-small">{artifact.type}</span>
            <Tags tags={artifact.aliases} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Linking(props: { details: RunDetails; dataset: DatasetFacts | null; changed: () => void }) {
  const { calls } = useApp();
  const { run } = props.details;
  const action = useAction();
  const [field, setField] = useState("");
  if (!props.dataset?.dataset) return null;
  const record = props.dataset.records.find((r) => r.linked && r.id === run.id && r.project === run.project);
  return (
    <div className="w-card">
      <div className="w-bar">
        {record ? (
          <Linked record={record} calls={calls} action={action} changed={props.changed} />
        ) : (
          <>
            <Field label="Predictions field">
              <select value={field} onChange={(event) => setField(event.target.value)}>
                <option value="">none</option>
                {props.dataset.fields.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </Field>
            <button
              type="button"
              disabled={action.busy !== null}
              onClick={() =>
                action.start("Linking", async () => {
                  await calls.run("log_wandb_run", {
                    entity: run.entity,
                    project: run.project,
                    run_id: run.id,
                    predictions_field: field || undefined,
                  });
                  props.changed();
                })
              }
            >
              Link to this dataset
            </button>
          </>
        )}
        {action.busy && <Loading text={action.busy} />}
      </div>
      <ProblemNotice problem={action.problem} />
    </div>
  );
}

function Linked(props: { record: RunRecord; calls: Calls; action: ReturnType<typeof useAction>; changed: () => void }) {
  const { record, action } = props;
  return (
    <>
      <span>
        Linked to this dataset{record.field ? `, field ${record.field}` : ""} as <b>{record.key}</b>
      </span>
      <button
        type="button"
        disabled={action.busy !== null}
        onClick={() =>
          action.start("Unlinking", async () => {
            await props.calls.run("remove_wandb_run", { run_key: record.key });
            props.changed();
          })
        }
      >
        Unlink
      </button>
    </>
  );
}

/** How W&B writes what JSON has no number for: the curves of a run that diverged are those that one wants to see. */
const NUMBERS = ["NaN", "Infinity", "-Infinity"];

/** The keys that can be drawn: tables and pictures have a history too. */
function numeric(details: RunDetails): string[] {
  return details.historyKeys.filter((key) => {
    const last = details.summary[key];
    return !key.startsWith("_") && (typeof last !== "string" || NUMBERS.includes(last));
  });
}

function Curves(props: { where: Where; details: RunDetails }) {
  const { details, where } = props;
  const keys = useMemo(() => numeric(details), [details]);
  const [chosen, setChosen] = useState<string[]>(() => keys.slice(0, CURVES));
  const [others, setOthers] = useState<string[]>([]);
  const [all, setAll] = useState(false);
  const runs = useData<Page>("runs", { ...where, search: "", after: "", metrics: [] });
  if (keys.length === 0) return null;
  const wanted = keys.filter((key) => chosen.includes(key));
  const toggle = (list: string[], name: string) =>
    list.includes(name) ? list.filter((other) => other !== name) : [...list, name];
  const candidates = (runs.data?.runs ?? []).filter((run) => run.id !== details.run.id);
  const shown = [details.run, ...candidates.filter((run) => others.includes(run.id))];
  return (
    <Section title="Curves">
      <div className="w-row w-small w-picks">
        {(all ? keys : keys.slice(0, METRICS)).map((key) => (
          <label key={key}>
            <input type="checkbox" checked={chosen.includes(key)} onChange={() => setChosen(toggle(chosen, key))} />
            {key}
          </label>
        ))}
        {keys.length > METRICS && (
          <button type="button" className="w-link w-small" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? "Show fewer" : `Show all ${keys.length} metrics`}
          </button>
        )}
      </div>
      {candidates.length > 0 && (
        <details>
          <summary className="w-small w-soft">
            Compare with other runs{others.length ? ` (${others.length})` : ""}
          </summary>
          <div className="w-row w-small w-picks" style={{ marginTop: 6 }}>
            {candidates.map((run) => (
              <label key={run.id}>
                <input
                  type="checkbox"
                  checked={others.includes(run.id)}
                  disabled={!others.includes(run.id) && others.length >= MOST_RUNS - 1}
                  onChange={() => setOthers(toggle(others, run.id))}
                />
                {run.name}
              </label>
            ))}
          </div>
        </details>
      )}
      <Histories where={where} runs={shown.map(({ id, name }) => ({ id, name }))} keys={wanted} />
    </Section>
  );
}

/** The curves of some runs. Each run's history comes by itself, and is drawn when it is there. */
function Histories(props: { where: Where; runs: { id: string; name: string }[]; keys: string[] }) {
  const [histories, setHistories] = useState<Record<string, Row[]>>({});
  const colour = (id: string) => COLOURS[props.runs.findIndex((run) => run.id === id) % COLOURS.length] ?? "";
  const drawn = props.runs.flatMap(({ id, name }): Line[] => {
    const rows = histories[id];
    return rows ? [{ name, rows, colour: colour(id) }] : [];
  });
  return (
    <>
      <div className="w-row w-small">
        {props.runs.map((run) => (
          <span key={run.id}>
            <span aria-hidden="true" style={{ color: colour(run.id) }}>
              ●
            </span>{" "}
            {run.name}{" "}
            <History
              where={props.where}
              run={run}
              keys={props.keys}
              put={(rows) => setHistories((known) => put(known, run.id, rows))}
            />
          </span>
        ))}
      </div>
      <div className="w-charts">
        {props.keys.map((key) => (
          <Curve key={key} metric={key} lines={drawn} />
        ))}
      </div>
    </>
  );
}

function put(known: Record<string, Row[]>, id: string, rows: Row[]): Record<string, Row[]> {
  return known[id] === rows ? known : { ...known, [id]: rows };
}

function History(props: {
  where: Where;
  run: { id: string; name: string };
  keys: string[];
  put: (rows: Row[]) => void;
}) {
  const asked = props.keys.length > 0 ? { ...props.where, run: props.run.id, keys: props.keys } : null;
  const loaded = useData<RunDetails>("run", asked);
  const rows = loaded.data?.history;
  const { put } = props;
  React.useEffect(() => {
    if (rows) put(rows);
    // The function is new each time; what it puts is not.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [rows]);
  if (loaded.problem) return <span className="w-soft">({loaded.problem.text})</span>;
  return loaded.pending && !rows ? <Loading text="Reading" /> : null;
}
