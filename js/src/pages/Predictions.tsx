// What a model predicted: how often each class, and how sure it was. A click shows the samples.

import React from "react";
import { useAction, useApp, useData } from "../app";
import { Bars, Histogram } from "../charts";
import { count, plural } from "../format";
import { placeOf, type Go, type Where } from "../nav";
import { Back, Loading, Notice, ProblemNotice, Section, Status } from "../parts";
import type { Artifact, ArtifactContent, DatasetFacts, PredictionFacts } from "../types";
import { Artifacts } from "./Artifacts";
import { Loader } from "./ArtifactPage";

const TYPES = ["predictions"];

export function Predictions(props: { where: Where; open: string | undefined; dataset: DatasetFacts | null; go: Go }) {
  if (!props.open) return <Artifacts where={props.where} dataset={props.dataset} go={props.go} types={TYPES} />;
  return <Opened {...props} open={props.open} />;
}

function Opened(props: { where: Where; open: string; dataset: DatasetFacts | null; go: Go }) {
  const { refresh } = useApp();
  const { where, open } = props;
  const content = useData<ArtifactContent>("artifact", { ...where, artifact: open });
  const artifact = content.data?.artifact;
  return (
    <>
      <Back to="Predictions" onClick={() => props.go({ tab: "predictions" })} />
      <h2>{artifact ? `${artifact.model || artifact.name}` : open}</h2>
      <Status of={content} again={refresh} />
      {artifact && (
        <>
          <div className="w-row w-small w-soft">
            <button type="button" className="w-link w-small" onClick={() => props.go({ tab: "artifacts", open })}>
              {open}
            </button>
            {artifact.samples > 0 && <span>{plural(artifact.samples, "sample")}</span>}
            {artifact.dataset && <span>of {artifact.dataset}</span>}
          </div>
          <Loader where={where} artifact={artifact} dataset={props.dataset} />
          <Plots where={where} artifact={artifact} dataset={props.dataset} classes={content.data?.classes ?? {}} />
        </>
      )}
    </>
  );
}

function Plots(props: {
  where: Where;
  artifact: Artifact;
  dataset: DatasetFacts | null;
  classes: Record<string, number>;
}) {
  const { calls, refresh } = useApp();
  const action = useAction();
  const name = `${props.artifact.name}:${props.artifact.version}`;
  const asked = { ...placeOf(props.artifact, props.where), artifact: name };
  const loaded = useData<PredictionFacts>("predictions", props.dataset?.dataset ? asked : null);
  const facts = loaded.data;
  const show = (event: string, params: Record<string, unknown>) =>
    action.start("Showing", async (say) => {
      await calls.ask(event, { ...asked, ...params }, { onPending: say });
    });
  return (
    <>
      <Status of={loaded} again={refresh} />
      {action.busy && <Loading text={action.busy} />}
      <ProblemNotice problem={action.problem} />
      {facts?.notes.map((note) => (
        <Notice key={note}>{note}</Notice>
      ))}
      {facts && <Differences logged={props.classes} facts={facts} />}
      {facts && (
        <div className="w-split">
          <Section title={`Classes (${count(facts.numClasses)})`}>
            <Bars
              bars={facts.classes}
              disabled={action.busy !== null}
              title={(bar) => `${bar.name}: ${count(bar.count)}. Show them`}
              choose={(bar) => show("show_class", { class: bar.name })}
            />
            {facts.numClasses > facts.classes.length && (
              <p className="w-soft w-small">Only the {facts.classes.length} most frequent are shown.</p>
            )}
            {facts.numClasses === 0 && <p className="w-soft">Nothing was predicted.</p>}
          </Section>
          <Section title="Confidences">
            {facts.confidences.length > 0 ? (
              <Histogram
                counts={facts.confidences}
                disabled={action.busy !== null}
                choose={(low, high) => show("show_confidence", { low, high })}
              />
            ) : (
              <p className="w-soft">These predictions have no confidences.</p>
            )}
            {facts.confidences.length > 0 && facts.withoutConfidence > 0 && (
              <p className="w-soft w-small">{plural(facts.withoutConfidence, "label")} without a confidence.</p>
            )}
          </Section>
        </div>
      )}
    </>
  );
}

/** The plots show the dataset as it is: say so where it is not what was logged. */
function Differences(props: { logged: Record<string, number>; facts: PredictionFacts }) {
  const logged = total(Object.values(props.logged));
  const now = total(props.facts.classes.map((bar) => bar.count));
  if (logged === 0 || logged === now || props.facts.numClasses > props.facts.classes.length) return null;
  return (
    <Notice>
      {count(logged)} predictions were logged, and the field “{props.facts.field}” has {count(now)} on these samples
      now: it has changed since.
    </Notice>
  );
}

function total(counts: number[]): number {
  return counts.reduce((sum, one) => sum + one, 0);
}
