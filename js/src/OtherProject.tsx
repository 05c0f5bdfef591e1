// The entity and the project, typed: those of others, and those beyond the newest, are in no list.

import React, { useState } from "react";
import { useAction, useApp } from "./app";
import { webAddress } from "./format";
import type { Where } from "./nav";
import { Field, Loading, ProblemNotice } from "./parts";
import type { Place } from "./types";

/**
 * Reads what somebody has typed or pasted for a project: its name, "entity/project", or the address of one of its pages.
 */
export function placeTyped(entity: string, project: string): Where {
  const text = project.trim();
  const address = webAddress(text);
  const parts = (address ? new URL(address).pathname : text).split("/").filter(Boolean).map(unquoted);
  if (!address && parts.length < 2) return { entity: entity.trim(), project: text };
  return { entity: parts[0] ?? "", project: parts[1] ?? "" };
}

function unquoted(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A form that opens a project when W&B has said that this account may see it. */
export function OtherProject(props: { where: Where; open: (where: Where) => void; close: () => void }) {
  const { calls } = useApp();
  const action = useAction();
  const [entity, setEntity] = useState(props.where.entity);
  const [project, setProject] = useState("");
  const [missing, setMissing] = useState(false);
  const open = () => {
    const typed = placeTyped(entity, project);
    setMissing(!typed.project);
    if (!typed.project) return;
    action.start("Asking W&B", async () => {
      const place = await calls.ask<Place>("place", { entity: typed.entity, fresh: true });
      const found = { entity: place.entity, project: typed.project };
      await calls.ask("runs", { ...found, search: "", after: "", metrics: [], fresh: true });
      props.open(found);
    });
  };
  return (
    <form
      className="w-other"
      aria-label="Open another project"
      onSubmit={(event) => {
        event.preventDefault();
        open();
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          event.stopPropagation();
          props.close();
        }
      }}
    >
      <div className="w-bar">
        <Field label="Entity">
          <input
            type="text"
            size={14}
            value={entity}
            placeholder="your default"
            title="A user or team of W&B. Default: that of your key"
            onChange={(event) => setEntity(event.target.value)}
          />
        </Field>
        <Field label="Project">
          <input
            type="text"
            size={22}
            value={project}
            autoFocus
            aria-invalid={missing || action.problem !== null}
            placeholder="name, entity/project or address"
            onChange={(event) => setProject(event.target.value)}
          />
        </Field>
        <button type="submit" className="w-main" disabled={action.busy !== null}>
          Open
        </button>
        <button type="button" onClick={props.close}>
          Cancel
        </button>
        {action.busy && <Loading text={action.busy} />}
      </div>
      {missing && (
        <p role="alert" className="w-small">
          Type the name of a project, such as “digits”, or paste the address of its page.
        </p>
      )}
      <ProblemNotice problem={action.problem} />
    </form>
  );
}
