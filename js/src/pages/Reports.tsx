// The project's reports. W&B's pages cannot be shown inside of the App, so each opens in a tab.

import React from "react";
import { useApp, useData } from "../app";
import { webAddress } from "../format";
import type { Where } from "../nav";
import { Age, Card, LinkOut, Notice, Status } from "../parts";
import type { Report } from "../types";

export function Reports(props: { where: Where; chosen: string | undefined; address: string }) {
  const { refresh } = useApp();
  const loaded = useData<{ reports: Report[] }>("reports", { ...props.where });
  const reports = loaded.data?.reports ?? [];
  const isListed = reports.some((report) => webAddress(report.url) === props.address);
  return (
    <>
      {props.address && !isListed && <Shown url={props.address} />}
      <Status of={loaded} again={refresh} />
      <ul className="w-list">
        {reports.map((report) => {
          const chosen =
            report.id === props.chosen || webAddress(report.url) === props.address || report.url === props.chosen;
          return (
            <Card
              key={report.id}
              mine={chosen}
              current={chosen}
              aside={
                <LinkOut url={report.url} main={chosen} label={`Open the report ${report.title} in a new tab`}>
                  Open
                </LinkOut>
              }
            >
              <div className="w-row">
                <b>{report.title}</b>
                <Age of={report.updated} />
                {report.user && <span className="w-soft w-small">by {report.user}</span>}
              </div>
              {report.description && <p className="w-small w-soft">{report.description}</p>}
            </Card>
          );
        })}
      </ul>
      {loaded.data && reports.length === 0 && (
        <Notice>This project has no reports. You write them on W&amp;B's pages.</Notice>
      )}
      {reports.length > 0 && (
        <p className="w-soft w-small">
          The App shows no pages of other hosts inside of itself, and W&amp;B does not let its pages be framed: reports
          open in a tab of their own.
        </p>
      )}
    </>
  );
}

function Shown(props: { url: string }) {
  return (
    <Notice
      actions={
        <LinkOut url={props.url} main>
          Open in a new tab
        </LinkOut>
      }
    >
      <b style={{ overflowWrap: "anywhere" }}>{props.url}</b>
      <br />
      was chosen. The App shows no pages of other hosts inside of itself, so it opens in a tab of its own.
    </Notice>
  );
}
