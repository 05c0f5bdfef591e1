// One version of an artifact: what it is, who used it, and its samples in the grid.

import React, { useState } from "react";
import { useAction, useApp, useData, type Params } from "../app";
import { bytes, count, plural } from "../format";
import { pathOf, placeOf, type Go, type Where } from "../nav";
import {
  Age,
  Back,
  Field,
  KeyValues,
  LinkOut,
  Loading,
  Notice,
  ProblemNotice,
  Section,
  State,
  Status,
  Tags,
} from "../parts";
import { FirstRows } from "./Table";
import type {
  Artifact,
  ArtifactContent,
  ArtifactPage as Page,
  Comparison,
  DatasetFacts,
  LoadResult,
  Part,
  Run,
} from "../types";

export function ArtifactPage(props: { where: Where; artifact: string; dataset: DatasetFacts | null; go: Go }) {
  const { refresh } = useApp();
  const { where } = props;
  const [name = "", version = ""] = props.artifact.split(":");
  const loaded = useData<ArtifactContent>("artifact", { ...where, artifact: props.artifact });
  const versions = useData<Page>("versions", { ...where, artifact: name });
  const content = loaded.data;
  const others = versions.data?.artifacts ?? [];
  const open = (chosen: string) => props.go({ tab: "artifacts", open: `${name}:${chosen}` });
  return (
    <>
      <Back to="Artifacts" onClick={() => props.go({ tab: "artifacts" })} />
      <div className="w-bar">
        <h2>{name}</h2>
        <Field label="Version">
          <select value={content?.artifact.version ?? version} onChange={(event) => open(event.target.value)}>
            {others.some((other) => other.version === (content?.artifact.version ?? version)) || (
              <option>{content?.artifact.version ?? version}</option>
            )}
            {others.map((other) => (
              <option key={other.version} value={other.version}>
                {other.version}
                {other.aliases.length > 0 && ` (${other.aliases.join(", ")})`}
              </option>
            ))}
          </select>
        </Field>
        {versions.data?.next && <span className="w-soft w-small">only the newest {others.length} are listed</span>}
        {content && (
          <span className="w-right">
            <LinkOut url={content.artifact.url}>Open in W&amp;B</LinkOut>
          </span>
        )}
      </div>
      <Status of={loaded} again={refresh} />
      {content && (
        <>
          <Facts artifact={content.artifact} />
          <Loader
            key={`load ${content.artifact.id}`}
            where={where}
            artifact={content.artifact}
            dataset={props.dataset}
            go={props.go}
          />
          <FirstRows
            key={`rows ${content.artifact.id}`}
            where={placeOf(content.artifact, where)}
            artifact={`${content.artifact.name}:${content.artifact.version}`}
          />
          <Compare
            key={`compare ${content.artifact.id}`}
            where={where}
            artifact={content.artifact}
            versions={others}
            dataset={props.dataset}
          />
          {content.createdBy && <Runs title="Made by" where={where} runs={[content.createdBy]} go={props.go} />}
          <Runs
            title="Used by"
            where={where}
            runs={content.usedBy.filter((run) => run.id !== content.createdBy?.id)}
            go={props.go}
          />
          <details>
            <summary>Metadata</summary>
            <KeyValues values={content.metadata} name="Metadata" />
          </details>
        </>
      )}
    </>
  );
}

function Facts(props: { artifact: Artifact }) {
  const { artifact } = props;
  return (
    <>
      <div className="w-row w-small w-soft">
        <span>{artifact.type}</span>
        <Age of={artifact.created} />
        {artifact.samples > 0 && <span>{plural(artifact.samples, "sample")}</span>}
        <span>
          {bytes(artifact.size)} in {plural(artifact.files, "file")}
        </span>
        {artifact.dataset && <span>of {artifact.dataset}</span>}
        <Tags tags={artifact.aliases} />
      </div>
      {artifact.description && <p>{artifact.description}</p>}
    </>
  );
}

export function Loader(props: {
  where: Where;
  artifact: Artifact;
  dataset: DatasetFacts | null;
  /** The way to the plots of a predictions artifact, where they are not there already. */
  go?: Go;
}) {
  const { calls } = useApp();
  const { artifact, go } = props;
  const action = useAction();
  const [name, setName] = useState("");
  const [naming, setNaming] = useState(false);
  const [done, setDone] = useState<LoadResult["result"] | null>(null);
  const load = (what: string, params: Params) =>
    action.start(what, async (say) => {
      setDone(null);
      const asked = { ...placeOf(artifact, props.where), artifact: `${artifact.name}:${artifact.version}`, ...params };
      const { loading } = await calls.ask<{ loading: string }>("load", asked);
      const { result } = await calls.ask<LoadResult>("loading", { loading }, { onPending: say });
      setDone(result);
      setNaming(false);
    });
  const off = action.busy !== null || !props.dataset?.dataset;
  const isPredictions = artifact.type === "predictions";
  return (
    <div>
      <MadeOf artifact={artifact} dataset={props.dataset} />
      <div className="w-bar">
        <button
          type="button"
          className="w-main"
          disabled={off}
          onClick={() => load("Loading the view", { action: "apply_to_session" })}
        >
          Load view
        </button>
        {isPredictions && (
          <>
            <button
              type="button"
              disabled={off}
              onClick={() => load("Loading the labels", { action: "apply_to_session", low_confidence: true })}
            >
              Low confidence only
            </button>
            {go && (
              <button
                type="button"
                onClick={() =>
                  go({
                    tab: "predictions",
                    open: pathOf(`${artifact.name}:${artifact.version}`, artifact, props.where),
                  })
                }
              >
                Classes and confidences
              </button>
            )}
          </>
        )}
        <button type="button" disabled={off} aria-expanded={naming} onClick={() => setNaming(!naming)}>
          Save view
        </button>
        {action.busy && <Loading text={action.busy} />}
      </div>
      {naming && (
        <form
          className="w-bar"
          style={{ marginTop: 8 }}
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim()) load("Saving the view", { action: "save_as_view", view_name: name.trim() });
          }}
        >
          <Field label="Name">
            <input
              type="text"
              value={name}
              placeholder={`${artifact.name}-${artifact.version}`}
              onChange={(event) => setName(event.target.value)}
            />
          </Field>
          <button type="submit" disabled={off || !name.trim()}>
            Save
          </button>
        </form>
      )}
      <ProblemNotice problem={action.problem} />
      {done && <Done result={done} />}
    </div>
  );
}

/** Says where the artifact was made of another dataset, or of this one under another name. */
function MadeOf(props: { artifact: Artifact; dataset: DatasetFacts | null }) {
  const { artifact, dataset } = props;
  if (!dataset?.dataset || !artifact.dataset || artifact.dataset === dataset.dataset) return null;
  if (artifact.datasetId && artifact.datasetId === dataset.datasetId)
    return (
      <p className="w-small">
        This dataset was renamed: it was called “{artifact.dataset}” when the artifact was logged.
      </p>
    );
  return (
    <Notice>
      This artifact was logged from the dataset “{artifact.dataset}”. Its view is restored in “{dataset.dataset}”, as
      far as that has the same samples.
    </Notice>
  );
}

function Done(props: { result: LoadResult["result"] }) {
  const { result } = props;
  const notes = [
    result.view_name
      ? `Saved as “${result.view_name}”: ${plural(result.samples_loaded, "row")}.`
      : `Shown: ${plural(result.samples_loaded, "row")}.`,
    result.gone ? `Gone since then: ${plural(result.gone, "sample")}.` : "",
    result.new ? `New since then: ${plural(result.new, "sample")}.` : "",
    ...result.warnings.map((warning) => warning.message),
  ];
  return (
    <p className="w-small" role="status" style={{ marginTop: 8 }}>
      {notes.filter(Boolean).join(" ")}
    </p>
  );
}

const PARTS: [Part, string][] = [
  ["added", "Added"],
  ["removed", "Removed"],
  ["kept", "Kept"],
];

function Compare(props: { where: Where; artifact: Artifact; versions: Artifact[]; dataset: DatasetFacts | null }) {
  const { artifact } = props;
  const [other, setOther] = useState("");
  const others = props.versions.filter((version) => version.version !== artifact.version);
  if (others.length === 0 || !props.dataset?.dataset) return null;
  return (
    <Section title="Compare">
      <div className="w-bar">
        <Field label={`What ${artifact.version} has changed since`}>
          <select value={other} onChange={(event) => setOther(event.target.value)}>
            <option value="">choose a version</option>
            {others.map((version) => (
              <option key={version.version}>{version.version}</option>
            ))}
          </select>
        </Field>
      </div>
      {other && (
        <Parts
          key={other}
          where={placeOf(artifact, props.where)}
          old={`${artifact.name}:${other}`}
          current={`${artifact.name}:${artifact.version}`}
        />
      )}
    </Section>
  );
}

function Parts(props: { where: Where; old: string; current: string }) {
  const { calls, refresh } = useApp();
  const asked = { ...props.where, old: props.old, new: props.current };
  const loaded = useData<Comparison>("comparison", asked);
  const action = useAction();
  return (
    <>
      <Status of={loaded} again={refresh} />
      {loaded.data && (
        <div className="w-bar" style={{ marginTop: 8 }}>
          {PARTS.map(([part, label]) => {
            const facts = loaded.data?.parts[part] ?? { samples: 0, missing: 0 };
            return (
              <button
                type="button"
                key={part}
                disabled={facts.samples <= facts.missing || action.busy !== null}
                title={
                  facts.missing ? `${count(facts.missing)} of them are not in this dataset` : "Show them in the grid"
                }
                onClick={() =>
                  action.start("Showing", async () => {
                    await calls.ask("show_part", { ...asked, part });
                  })
                }
              >
                {label}: {count(facts.samples)}
              </button>
            );
          })}
          {action.busy && <Loading text={action.busy} />}
        </div>
      )}
      <ProblemNotice problem={action.problem} />
    </>
  );
}

function Runs(props: { title: string; where: Where; runs: Run[]; go: Go }) {
  if (props.runs.length === 0) return null;
  return (
    <Section title={props.title}>
      <ul className="w-list">
        {props.runs.map((run) => (
          <li className="w-card w-row" key={run.id}>
            <button
              type="button"
              className="w-link"
              onClick={() => props.go({ tab: "runs", open: pathOf(run.id, run, props.where) })}
            >
              {run.name}
            </button>
            <State state={run.state} />
            <Age of={run.created} />
          </li>
        ))}
      </ul>
    </Section>
  );
}
