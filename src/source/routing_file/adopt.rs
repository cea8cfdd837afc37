//! A table goes live, or the one before it again.

use super::{Cause, RoutingFile, wrong_region};
use crate::config::{Problems, Source};
use crate::history::{Entry, EntryOrigin};
use crate::live::{LiveTable, Origin, Revision, Secrets, Trial, clock};
use crate::model::Pool;
use crate::routing::TableParts;
use crate::source::guard::{PutBack, tell};
use crate::source::keys::{Read, warn};
use std::path::PathBuf;
use std::sync::Arc;

impl RoutingFile {
    /// Makes a table live. Gives back where the history keeps its text, where it was written.
    pub(super) fn make_live(
        &mut self,
        read: Read<TableParts>,
        revision: Revision,
        origin: Origin,
        source: &Source,
        cause: &Cause,
    ) -> Result<Option<PathBuf>, Problems> {
        let file = &source.name;
        let prepared =
            self.edge.prepare(read.value, revision, origin).map_err(|missing| wrong_region(file, &missing))?;
        self.wait_for_pools(&prepared);
        if origin == Origin::File {
            // Before the table goes live, so that nobody sees the new one beside what was wrong with another.
            self.edge.set_table_problem(None);
        }
        let text = Arc::clone(&source.text);
        let before = self.edge.table();
        let retired = before.as_ref().map(|before| before.table.with_drains(Vec::new()));
        let is_new = before.as_ref().is_none_or(|before| before.revision != revision);
        // Before it is live, so that whoever sees it live finds it there, whatever happens to this process.
        let kept = is_new.then(|| self.write_history(revision, cause, &text)).flatten();
        let prepared = match self.trial(revision, before.filter(|_| is_new), cause) {
            Some(trial) => prepared.on(trial),
            None => prepared,
        };
        let live = self.edge.adopt(prepared).map_err(|missing| wrong_region(file, &missing))?;
        self.text = Some(text);
        self.retired = retired;
        warn(&read.warnings);
        self.edge.set_secret_warnings(Secrets::SessionKeys, read.warnings);
        match origin {
            Origin::File => self.edge.metrics().table_applied(&revision.to_string(), live.since),
            Origin::LastGood | Origin::Guard => self.edge.metrics().table_restored(&revision.to_string()),
        }
        say_live(&live, file);
        Ok(kept)
    }

    /// The trial of a table that is about to take the place of `before`. Neither the first one is watched, nor one that an
    /// operator insists on, nor what has new keys only: that goes on as it was.
    fn trial(&mut self, revision: Revision, before: Option<Arc<LiveTable>>, cause: &Cause) -> Option<Arc<Trial>> {
        match (before, self.text.clone()) {
            (Some(before), Some(text)) if !cause.insists => self.guard.begin(revision, before, text),
            (Some(_), _) => {
                self.guard.stand_down();
                None
            }
            (None, _) => self.edge.table().and_then(|live| live.trial.clone()),
        }
    }

    fn write_history(&self, revision: Revision, cause: &Cause, text: &str) -> Option<PathBuf> {
        let history = self.edge.changes().history()?;
        let announced = self.edge.changes().take_announced(revision);
        let usual = cause.origin.unwrap_or(EntryOrigin::File);
        let (origin, by, note) = match announced {
            Some(announced) if matches!(usual, EntryOrigin::File | EntryOrigin::Sighup) => {
                (announced.origin, announced.by, announced.note)
            }
            _ => (usual, cause.by.clone(), cause.note.clone()),
        };
        history.record_table(Entry::new(clock::now(), origin).of(revision).by(by).note(note), text)
    }

    /// Makes the table before the one that is live again, as the guard says.
    pub(super) fn put_back(&mut self, put_back: PutBack) {
        let PutBack { before, text, refused } = put_back;
        let parts = before.table.parts().clone();
        let prepared = self.edge.prepare(parts, before.revision, Origin::Guard);
        let adopted = prepared.and_then(|prepared| self.edge.adopt(prepared));
        let Ok(live) = adopted else {
            tracing::error!("the guard cannot put table {} back: it has not this edge's region", before.revision);
            return;
        };
        self.text = Some(Arc::clone(&text));
        self.edge.metrics().table_restored(&live.revision.to_string());
        self.guard.write_down();
        self.keep_last_good(&text, None);
        let told = tell(&refused.figures);
        if let Some(problems) = self.guard.objection(&self.path.display().to_string(), refused.revision) {
            self.refuse(Some(refused.revision), &problems);
            self.refused = Some(problems.render(false));
        }
        tracing::error!(
            "errors rose under table {}, and the guard has put table {} back: {told}; {} still says the other one and is \
             refused until it says something else; 'homeward rollback' writes the table that is live into it",
            refused.revision,
            live.revision,
            self.path.display(),
        );
        if let Some(history) = self.edge.changes().history() {
            let entry = Entry {
                previous: Some(refused.revision),
                ..Entry::new(live.since, EntryOrigin::Guard).of(live.revision).note(Some(told))
            };
            history.record_table(entry, &text);
        }
    }
}

fn say_live(live: &LiveTable, file: &str) {
    let (regions, services) = (live.table.regions().len(), live.table.services().len());
    let (revision, drains) = (live.revision, live.table.drains().len());
    tracing::info!("table {revision} is live: {regions} regions, {services} services, {drains} drains, from {file}");
    for service in live.table.services() {
        let is_blind = |(_, pool): &(_, Pool)| pool.tls.as_ref().is_some_and(|tls| !tls.verify);
        if service.pools.iter().any(is_blind) {
            tracing::warn!("servers of {} are not verified (verify: false), so that they may be anybody", service.name);
        }
    }
}
