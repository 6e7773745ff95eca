import { createHash } from 'node:crypto'
import { type Ctx, type Kernel, makeId, permit, systemCtx } from '#kernel/context.ts'
import { type Db, firstOf, type Sql, type Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { addDays, addMs, dayOf, OFFICE_HOURS, startOfDay, timeOfDay } from '#kernel/time.ts'
import { defineTaskKind, finishTask, openTask } from '#modules/tasks/index.ts'
import { append, type Check } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { checkBreakProposed, checkBreakResolved, checkTaken } from '../events.ts'
import { POSTING } from '../model.ts'
import { findPort } from '../service/clients.ts'
import * as bills from '../store.ts'
import { type CheckFile, CheckFileRefused, readCheckFile } from './layout.ts'
import { CHECK_REASONS, type CheckReason, type CheckResolution, graveFrom, READY_AT, severityOf } from './model.ts'
import * as store from './store.ts'

const OFFICE_DAY_MIN = OFFICE_HOURS.spans.reduce((sum, [open, close]) => sum + close - open, 0)
/** A grave difference is decided within one working day. */
const CHECK_TASK = defineTaskKind({ kind: 'billing.check_break', clock: 'working', minutes: OFFICE_DAY_MIN })
const NOTE_CHARS_MAX = 200
const NAME_CHARS_MAX = 120
const H = 3_600_000

const fileCell = (id: string): string => `billing|check_file|file|${id}`

export type Checked = { readonly kind: 'known' } | { readonly kind: 'taken'; readonly rows: number; readonly breaks: number }

/**
 * Takes a biller's check file of a day and compares it with what the biller was told. Whole or not at all; the same file again
 * changes nothing, another of the same day takes its place. What is missing is told again under its number, what the biller holds
 * although it was given back is asked back; the rest is for people.
 */
async function takeFile(tx: Tx, ctx: Ctx, billerId: string, file: CheckFile, bytes: Buffer, name: string): Promise<Checked> {
  const { tenantId, kernel } = ctx
  await store.lockChecks(tx, tenantId, billerId)
  const sha256 = createHash('sha256').update(bytes).digest()
  const known = await store.findFile(tx, tenantId, billerId, file.day)
  if (known?.sha256.equals(sha256)) return { kind: 'known' }
  const [id, now] = [makeId(ctx), kernel.clock.now()]
  const { day, totalFen, rows } = file
  const receivedBy = ctx.actor.kind === 'system' ? 'system' : ctx.actor.id
  const fileSealed = kernel.vault.seal(tenantId, fileCell(id), bytes)
  const row = {
    id,
    billerId,
    day,
    name: name.slice(0, NAME_CHARS_MAX),
    rows: rows.length,
    totalFen,
    receivedAt: now,
    receivedBy,
    sha256,
    fileSealed,
  }
  await store.replaceFile(tx, tenantId, row, rows)
  const { first } = await store.findSpan(tx, tenantId, billerId)
  const until = startOfDay(addDays(day, 1))
  const span = { billerId, day, until, since: startOfDay(first!), before: startOfDay(day) }
  let breaks = 0
  for (const found of await store.listDifferences(tx, tenantId, span)) if (await openBreak(tx, ctx, billerId, found, now)) breaks++
  await endBreaks(tx, ctx, billerId)
  await append(tx, ctx, checkTaken, { subjectId: id, body: { biller: billerId, day, rows: rows.length, total_fen: totalFen, breaks } })
  return { kind: 'taken', rows: rows.length, breaks }
}

async function openBreak(tx: Tx, ctx: Ctx, billerId: string, found: store.Found, now: Date): Promise<boolean> {
  const { tenantId } = ctx
  const severity = severityOf(found.class)
  const id = makeId(ctx)
  if (!(await store.insertBreak(tx, tenantId, { ...found, id, billerId, severity, at: now, dueAt: addMs(now, H) }))) return false
  const { postingId } = found
  if (found.class === 'biller_missing' && postingId)
    await bills.reopenPosting(tx, tenantId, postingId, [POSTING.posted], POSTING.unknown, now)
  if (found.class === 'biller_only' && postingId && found.isGivenBack)
    await bills.reopenPosting(tx, tenantId, postingId, [POSTING.reversed, POSTING.rejected], POSTING.reversing, now)
  if (severity === 1 || (found.class === 'biller_only' && !postingId)) await openCheckTask(tx, ctx, { id, billerId, day: found.day })
  return true
}

async function openCheckTask(tx: Tx, ctx: Ctx, b: { readonly id: string; readonly billerId: string; readonly day: string }): Promise<void> {
  const title = `${b.billerId} ${b.day} ${b.id.slice(-6)}`
  const task = await openTask(tx, ctx, { kind: CHECK_TASK.kind, subjectKind: 'check_break', subjectId: b.id, title })
  await store.setTask(tx, ctx.tenantId, b.id, task.id)
}

async function endBreak(
  tx: Tx,
  ctx: Ctx,
  b: { readonly id: string; readonly taskId: string | null },
  end: { readonly resolution: CheckResolution; readonly reason?: CheckReason },
): Promise<void> {
  const by = ctx.actor.kind === 'system' ? 'system' : ctx.actor.id
  await store.resolve(tx, ctx.tenantId, b.id, { resolution: end.resolution, by, at: ctx.kernel.clock.now() })
  await append(tx, ctx, checkBreakResolved, { subjectId: b.id, body: { ...end } })
  if (b.taskId) unwrap(await finishTask(tx, ctx, { taskId: b.taskId }))
}

/** Ends what has come to rest by itself. */
async function endBreaks(tx: Tx, ctx: Ctx, billerId: string): Promise<void> {
  for (const { resolution, ...b } of await store.listEnded(tx, ctx.tenantId, billerId)) await endBreak(tx, ctx, b, { resolution })
}

/** Takes a check file somebody brought. */
export async function bringCheckFile(
  ctx: Ctx,
  input: { readonly billerId: string; readonly name: string; readonly bytes: Buffer },
): Promise<Result<Checked>> {
  const allowed = permit(ctx, 'billing.check.decide')
  if (!allowed.ok) return allowed
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      if (!(await bills.findBiller(tx, ctx.tenantId, input.billerId))) return unwrap(fail(errors.biller_not_found, undefined, 'biller'))
      return takeFile(tx, ctx, input.billerId, unwrap(read(ctx, input.bytes)), input.bytes, input.name)
    }),
  )
}

function read(ctx: Ctx, bytes: Buffer): Result<CheckFile> {
  try {
    const file = readCheckFile(bytes)
    return file.day < dayOf(ctx.kernel.clock.now()) ? ok(file) : fail(errors.check_refused, { why: 'day', line: 1 }, 'file')
  } catch (error) {
    if (!(error instanceof CheckFileRefused)) throw error
    return fail(errors.check_refused, { why: error.why, line: error.line }, 'file')
  }
}

const LOOK_BACK_DAYS = 14
const DAYS_AT_ONCE = 8
const AGAIN_MS = 10 * 60_000
const BREAKS_AT_ONCE = 100

/** Asks every biller for the check files of days gone by, and looks after what differs. */
export async function runChecks(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'billing.checks')
  const now = kernel.clock.now()
  const to = addDays(dayOf(now), timeOfDay(now) >= READY_AT ? -1 : -2)
  const billers = await kernel.db.read(tenantId, tx => bills.listBillers(tx, tenantId))
  for (const biller of billers) {
    const due = await kernel.db.read(tenantId, async tx => ({
      port: await findPort(tx, ctx, biller.id),
      days: await store.listDueDays(tx, tenantId, {
        billerId: biller.id,
        from: addDays(to, 1 - LOOK_BACK_DAYS),
        to,
        now,
        limit: DAYS_AT_ONCE,
      }),
    }))
    if (due.port?.checkFile) for (const day of due.days) await fetchDay(ctx, biller.id, day, due.port.checkFile)
  }
  const open = await kernel.db.tx(tenantId, tx => store.takeDueBreaks(tx, tenantId, now, addMs(now, H), BREAKS_AT_ONCE))
  for (const b of open) await kernel.db.tx(tenantId, tx => lookAfter(tx, ctx, b.id))
  return open.length === BREAKS_AT_ONCE
}

async function fetchDay(
  ctx: Ctx,
  billerId: string,
  day: string,
  ask: (billerId: string, day: string) => Promise<Buffer | string>,
): Promise<void> {
  const answer = await ask(billerId, day)
  const file = typeof answer === 'string' ? undefined : read(ctx, answer)
  const isRight = file?.ok && file.value.day === day
  await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    if (isRight) {
      await takeFile(tx, ctx, billerId, file.value, answer as Buffer, `check-${billerId}-${day}.txt`)
      return
    }
    const why =
      typeof answer === 'string' ? answer : file?.ok ? 'day' : `${file?.error.params?.why ?? ''} ${file?.error.params?.line ?? ''}`
    await store.insertWait(tx, ctx.tenantId, { billerId, day, dueAt: addMs(ctx.kernel.clock.now(), AGAIN_MS), why: why.slice(0, 200) })
  })
}

async function lookAfter(tx: Tx, ctx: Ctx, id: string): Promise<void> {
  const b = await store.lockBreak(tx, ctx.tenantId, id)
  if (!b || b.resolvedAt) return
  await endBreaks(tx, ctx, b.billerId)
  const still = await store.findBreak(tx, ctx.tenantId, id)
  if (still?.resolvedAt || ctx.kernel.clock.now() < graveFrom(b.day)) return
  if ((await store.raise(tx, ctx.tenantId, id)) && !b.taskId) await openCheckTask(tx, ctx, b)
}

export type CheckDecision = 'resolved' | 'proposed'

/** A person's word about a difference; about a grave one two must agree. No money moves by it. */
export async function decideCheckBreak(
  ctx: Ctx,
  input: { readonly id: string; readonly reason: string; readonly note: string },
): Promise<Result<CheckDecision>> {
  const allowed = permit(ctx, 'billing.check.decide')
  if (!allowed.ok) return allowed
  const reason = CHECK_REASONS.find(known => known === input.reason)
  const note = input.note.toWellFormed().replaceAll('\0', '').trim().slice(0, NOTE_CHARS_MAX) || null
  if (!reason) return fail(errors.check_reason_missing, undefined, 'reason')
  if (reason === 'other' && !note) return fail(errors.check_note_missing, undefined, 'note')
  return catching(() =>
    ctx.kernel.db.tx(ctx.tenantId, async tx => {
      const row = isUuid(input.id) ? await store.lockBreak(tx, ctx.tenantId, input.id) : undefined
      if (!row) return unwrap(fail(errors.check_break_not_found))
      if (row.resolvedAt) return unwrap(fail(errors.check_break_over))
      const by = ctx.actor.id
      if (row.severity === 1 && row.proposedBy === by) return unwrap(fail(errors.check_second_person))
      await store.noteDecision(tx, ctx.tenantId, row.id, { by, reason, note })
      if (row.severity === 1 && row.proposedBy === null) {
        await append(tx, ctx, checkBreakProposed, { subjectId: row.id, body: { reason } })
        return 'proposed'
      }
      await endBreak(tx, ctx, row, { resolution: 'by_person', reason })
      return 'resolved'
    }),
  )
}

export type CheckBreak = store.CheckBreak

export interface ChecksView {
  readonly files: readonly store.CheckFileRow[]
  readonly counts: Awaited<ReturnType<typeof store.countBreaks>>
  readonly waits: Awaited<ReturnType<typeof store.listWaits>>
  /** The gravest and oldest first. */
  readonly open: readonly CheckBreak[]
}

const BREAKS_SHOWN = 100

/** How the days of [from, to] stand with the billers, and what waits for a decision; staff of a biller see its own. */
export async function viewChecks(ctx: Ctx, from: string, to: string): Promise<Result<ChecksView>> {
  const allowed = permit(ctx, 'billing.check.read')
  if (!allowed.ok) return allowed
  const { tenantId } = ctx
  const billerId = ctx.actor.biller?.id ?? null
  return ctx.kernel.db.read(tenantId, async tx =>
    ok({
      files: await store.listFiles(tx, tenantId, { from, to, billerId }),
      counts: (await store.countBreaks(tx, tenantId, { from, to })).filter(row => billerId === null || row.billerId === billerId),
      waits: await store.listWaits(tx, tenantId, billerId),
      open: await store.listOpenBreaks(tx, tenantId, billerId, BREAKS_SHOWN),
    }),
  )
}

export async function findCheckBreak(ctx: Ctx, id: string): Promise<Result<CheckBreak>> {
  const allowed = permit(ctx, 'billing.check.read')
  if (!allowed.ok) return allowed
  const found = isUuid(id) ? await ctx.kernel.db.read(ctx.tenantId, tx => store.findBreak(tx, ctx.tenantId, id)) : undefined
  return found && (!ctx.actor.biller || ctx.actor.biller.id === found.billerId) ? ok(found) : fail(errors.check_break_not_found)
}

/** The file as received; of another biller it is as unknown. */
export async function readCheckFileBytes(ctx: Ctx, id: string): Promise<Result<{ readonly name: string; readonly bytes: Buffer }>> {
  const allowed = permit(ctx, 'billing.check.read')
  if (!allowed.ok) return allowed
  const found = isUuid(id) ? await ctx.kernel.db.read(ctx.tenantId, tx => store.findSealedFile(tx, ctx.tenantId, id)) : undefined
  if (!found || (ctx.actor.biller && ctx.actor.biller.id !== found.billerId)) return fail(errors.check_break_not_found)
  return ok({
    name: `check-${found.billerId}-${found.day}.txt`,
    bytes: ctx.kernel.vault.openBytes(ctx.tenantId, fileCell(id), found.fileSealed),
  })
}

/** I11: what billers state and what they were told agree day by day, or somebody looked into it. */
export async function checkCheckFiles(db: Db, tenantId: number): Promise<Check[]> {
  return db.read(tenantId, async tx => {
    const bad = async (query: Sql) => tx.rows<Record<string, unknown>>(firstOf(query, 5))
    const faults = [...(await bad(store.sqlStatedFaults(tenantId))), ...(await bad(store.sqlUnstatedFaults(tenantId)))]
    const name = 'postings of a day equal the check file of the biller, or the difference was looked into'
    return [{ id: 'I11', name, ok: faults.length === 0, detail: faults.length === 0 ? '' : JSON.stringify(faults) }]
  })
}
