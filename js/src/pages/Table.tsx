// The first rows of a table, with what is drawn over its pictures, as W&B's own viewer shows them.

import React, { useState } from "react";
import { useApp, useData, useKept } from "../app";
import { count, exact, number } from "../format";
import type { Where } from "../nav";
import { Field, Section, Status } from "../parts";
import type { TableCell, TableHead, TableImage, TablePicture } from "../types";

/** How much of a text is seen before the pointer rests on it, in characters. */
const SHORT = 120;

/** The first rows of an artifact's table. */
export function FirstRows(props: { where: Where; artifact: string; title?: string; quiet?: boolean }) {
  const { refresh } = useApp();
  const [table, setTable] = useKept(`table:${props.where.entity}/${props.where.project}/${props.artifact}`, "");
  const [off, setOff] = useState<string[]>([]);
  const loaded = useData<TableHead>("table", { ...props.where, artifact: props.artifact, table });
  const head = loaded.data;
  if (props.quiet && head?.tables.length === 0) return null;
  const layers = layersOf(head);
  return (
    <Section
      title={props.title ?? "First rows"}
      action={
        head &&
        head.tables.length > 1 && (
          <Field label="Table">
            <select value={head.table} onChange={(event) => setTable(event.target.value)}>
              {head.tables.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </Field>
        )
      }
    >
      <Status of={loaded} again={refresh} />
      {head?.note && <p className="w-soft">{head.note}</p>}
      {head && layers.length > 0 && (
        <div className="w-row w-small w-picks" role="group" aria-label="Layers">
          {layers.map((layer) => (
            <label key={layer}>
              <input
                type="checkbox"
                checked={!off.includes(layer)}
                onChange={() => setOff(off.includes(layer) ? off.filter((one) => one !== layer) : [...off, layer])}
              />
              {layer}
            </label>
          ))}
          {head.classes.map((one) => (
            <span key={one.name} className="w-drawn">
              <span style={{ background: one.colour }} aria-hidden="true" />
              {one.name}
            </span>
          ))}
        </div>
      )}
      {head && head.rows.length > 0 && <Rows head={head} off={off} />}
      {head && head.tables.length > 0 && <p className="w-soft w-small">{extent(head)}</p>}
    </Section>
  );
}

/** The names of all layers, those of boxes and of masks that have the same name together. */
function layersOf(head: TableHead | null): string[] {
  const names = new Set<string>();
  for (const row of head?.rows ?? [])
    for (const { image } of row)
      for (const { key } of [...(image?.boxes ?? []), ...(image?.masks ?? [])]) names.add(key);
  return [...names].sort();
}

function extent(head: TableHead): string {
  const hidden = head.allColumns - head.columns.length;
  const columns = hidden > 0 ? ` ${count(hidden)} more columns are not shown.` : "";
  if (head.rows.length === 0) return `The table has no rows.${columns}`;
  if (!head.more) return `These are all its rows.${columns}`;
  const all = head.total === null ? "" : ` of ${count(head.total)}`;
  return `The first ${head.rows.length}${all} rows.${columns}`;
}

function Rows(props: { head: TableHead; off: string[] }) {
  const { head } = props;
  const order = picturesFirst(head);
  return (
    <div className="w-scroll" tabIndex={0} role="region" aria-label={`Rows of ${head.table}`}>
      <table className="w-rows">
        <thead>
          <tr>
            {order.map((index) => (
              <th
                key={index}
                scope="col"
                className={isNumeric(head, index) ? "w-number" : undefined}
                title={head.columns[index]}
              >
                {head.columns[index]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {head.rows.map((row, index) => (
            <tr key={index}>
              {order.map((column) => {
                const cell = row[column];
                return cell && <Cell key={column} cell={cell} pictures={head.pictures} off={props.off} />;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The columns in their order, but those with pictures before the others: a narrow panel shows few of them. */
function picturesFirst(head: TableHead): number[] {
  const isPicture = (column: number) => head.rows.some((row) => row[column]?.kind === "image");
  const all = head.columns.map((_, index) => index);
  return [...all.filter(isPicture), ...all.filter((column) => !isPicture(column))];
}

function isNumeric(head: TableHead, column: number): boolean {
  return head.rows.some((row) => row[column]?.kind === "number");
}

function Cell(props: { cell: TableCell; pictures: TablePicture[]; off: string[] }) {
  const { cell } = props;
  switch (cell.kind) {
    case "empty":
      return <td className="w-soft">–</td>;
    case "image":
      return <td>{cell.image && <Picture image={cell.image} pictures={props.pictures} off={props.off} />}</td>;
    case "number":
      return (
        <td className="w-number w-num" title={cell.text}>
          {number(Number(cell.text))}
        </td>
      );
    case "media":
      return <td className="w-soft">({cell.text})</td>;
    case "time":
      return <td title={cell.text}>{exact(cell.text)}</td>;
    default: {
      const whole = cell.cut ? `${cell.text}…` : cell.text;
      const short = whole.length > SHORT ? `${whole.slice(0, SHORT).trimEnd()}…` : whole;
      return (
        <td title={short === whole ? undefined : whole}>
          <div className="w-text">{short}</div>
        </td>
      );
    }
  }
}

function Picture(props: { image: TableImage; pictures: TablePicture[]; off: string[] }) {
  const { image, pictures, off } = props;
  const [large, setLarge] = useState(false);
  const picture = image.picture === null ? undefined : pictures[image.picture];
  if (!picture) return <span className="w-soft w-small">{image.problem}</span>;
  const boxes = image.boxes.filter((layer) => !off.includes(layer.key));
  const masks = image.masks.filter((layer) => !off.includes(layer.key));
  const left = boxes.reduce((sum, layer) => sum + layer.left, 0);
  return (
    <figure className={large ? "w-picture w-large" : "w-picture"}>
      <button
        type="button"
        aria-label={large ? "Make the picture smaller" : "Make the picture larger"}
        aria-expanded={large}
        onClick={() => setLarge(!large)}
        style={{ aspectRatio: `${picture.width} / ${picture.height}` }}
      >
        <img src={picture.url} alt={image.caption || "a picture of the table"} />
        {masks.map((layer) => {
          const mask = layer.picture === null ? undefined : pictures[layer.picture];
          return mask && <img key={layer.key} className="w-mask" src={mask.url} alt="" data-layer={layer.key} />;
        })}
        {boxes.map((layer) =>
          layer.boxes.map((box, index) => (
            <span
              key={`${layer.key} ${index}`}
              className="w-box"
              data-layer={layer.key}
              title={`${layer.key}: ${box.caption}`}
              style={{
                left: `${100 * box.x}%`,
                top: `${100 * box.y}%`,
                width: `${100 * box.width}%`,
                height: `${100 * box.height}%`,
                borderColor: box.colour,
              }}
            >
              {box.caption && (
                <span
                  style={{ background: box.colour, color: ink(box.colour) }}
                  className={box.y < 0.12 ? "w-inside" : undefined}
                >
                  {box.caption}
                </span>
              )}
            </span>
          )),
        )}
      </button>
      {image.caption && <figcaption title={image.caption}>{image.caption}</figcaption>}
      {left > 0 && <figcaption>{count(left)} more boxes are not shown</figcaption>}
      {image.masks
        .filter((layer) => layer.problem)
        .map((layer) => (
          <figcaption key={layer.key}>
            {layer.key}: {layer.problem}
          </figcaption>
        ))}
    </figure>
  );
}

/** Black or white, whichever is read better on a colour such as "#3cb44b". */
function ink(colour: string): string {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue > 150 ? "#000" : "#fff";
}
