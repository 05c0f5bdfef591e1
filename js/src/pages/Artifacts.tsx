// The artifacts of this plugin, their versions, and what to do with one.

import React from "react";
import { useApp, useData, useKept } from "../app";
import { bytes, plural } from "../format";
import type { Go, Where } from "../nav";
import { Age, Card, LinkOut, Notice, Status, Tags } from "../parts";
import type { Artifact, ArtifactPage, DatasetFacts } from "../types";
import { Pager } from "./Runs";

const TYPES = ["dataset", "predictions", "evaluation"];

export function Artifacts(props: { where: Where; dataset: DatasetFacts | null; go: Go; types?: string[] }) {
  const { calls, refresh } = useApp();
  const types = props.types ?? TYPES;
  const [pages, setPages] = useKept<string[]>(
    `artifacts:${props.where.entity}/${props.where.project}:${types.join()}`,
    [""],
  );
  const loaded = useData<ArtifactPage>("artifacts", { ...props.where, types, after: pages.at(-1) ?? "" });
  const name = props.dataset?.dataset;
  const all = loaded.data?.artifacts ?? [];
  const mine = all.filter((artifact) => name && artifact.dataset === name);
  const sorted = [...mine, ...all.filter((artifact) => !mine.includes(artifact))];
  const predictions = props.types !== undefined;
  return (
    <>
      <Status of={loaded} again={refresh} />
      {loaded.data && all.length === 0 && (
        <Notice
          actions={
            <button
              type="button"
              className="w-main"
              onClick={() =>
                calls.prompt(predictions ? "log_model_predictions" : "log_fiftyone_view_to_wandb", { ...props.where })
              }
            >
              {predictions ? "Log predictions" : "Log this view"}
            </button>
          }
        >
          {predictions
            ? "This project has no predictions yet. Log the field that a model wrote, and its classes and confidences show up here."
            : "This project has no artifacts of this plugin yet. Log what you see in the grid, and it shows up here."}
        </Notice>
      )}
      <ul className="w-list">
        {sorted.map((artifact) => (
          <ArtifactRow
            key={artifact.id}
            artifact={artifact}
            mine={mine.includes(artifact)}
            open={() =>
              props.go({
                tab: predictions ? "predictions" : "artifacts",
                open: `${artifact.name}:${artifact.version}`,
              })
            }
          />
        ))}
      </ul>
      <Pager pages={pages} next={loaded.data?.next ?? ""} total={loaded.data?.total ?? 0} set={setPages} />
    </>
  );
}

function ArtifactRow(props: { artifact: Artifact; mine: boolean; open: () => void }) {
  const { artifact } = props;
  return (
    <Card
      mine={props.mine}
      aside={
        <LinkOut url={artifact.url} label={`Open ${artifact.name}:${artifact.version} in W&B`}>
          W&amp;B
        </LinkOut>
      }
    >
      <div className="w-row">
        <button type="button" className="w-link" onClick={props.open}>
          {artifact.name}:{artifact.version}
        </button>
        <span className="w-soft w-small">{artifact.type}</span>
        <Age of={artifact.created} />
        <Tags tags={artifact.aliases} />
      </div>
      <div className="w-row w-small w-soft">
        {artifact.samples > 0 && <span>{plural(artifact.samples, "sample")}</span>}
        <span>{bytes(artifact.size)}</span>
        {artifact.dataset && <span>of {artifact.dataset}</span>}
        {artifact.model && <span>by {artifact.model}</span>}
        {artifact.field && <span>field {artifact.field}</span>}
      </div>
    </Card>
  );
}
