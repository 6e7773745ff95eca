import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import { type Ctx, makeId, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addDays, startOfDay } from '#kernel/time.ts'
import { findBookings } from '#modules/ledger/index.ts'
import { append } from '#modules/trail/index.ts'
import { statementReader } from '../channels.ts'
import { errors } from '../errors.ts'
import { statementReconciled } from '../events.ts'
import { readOutTradeNo } from '../model.ts'
import { type PaymentChannel, type StatementLine, StatementRefused } from '../ports.ts'
import * as payments from '../store.ts'
import { resolveBySystem, tellOpened, tellResolved } from './breaks.ts'
import { BREAKS_MAX, classOf, type Difference, severityOf } from './model.ts'
import { stageStatement, type Totals, withoutRepeats } from './stage.ts'
import * as store from './store.ts'
import { closeGivenBack, listWrittenOffUnstated, reopenGivenBack, suspend, withdraw } from './unidentified.ts'

/** A channel's statement as it came. It is read three times: for its digest, for its rows, and to be kept. */
export interface StatementFile {
  readonly name: string
  pieces(): Iterable<Buffer>
}

export interface Reconciled {
  /** Unchanged: this very file counts already. */
  readonly outcome: 'reconciled' | 'unchanged'
  readonly statement: Omit<store.StatementRow, 'receivedAt'>
  /** Differences this comparison found, those known before included. */
  readonly found: number
  /** Breaks of before that it made vanish. */
  readonly resolved: number
}

const PART_BYTES = 2 ** 20
const compress = promisify(zstdCompress)
const unpack = promisify(zstdDecompress)
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/**
 * Compares one day of a channel's statement with the books, inside the database and in one transaction: the file counts whole
 * with all its breaks, or nothing changed. The same file again changes nothing; another file of the same day takes the
 * place of the first; no file stands for a day of which the channel has none. Throws StatementRefused for a file that contradicts itself or is of another day or merchant.
 */
export async function reconcileStatement(
  ctx: Ctx,
  input: {
    readonly channel: string
    readonly day: string
    readonly file: StatementFile | undefined
    /** One of several accounts on the channel, and how its rows are read out of the file. */
    readonly mchid?: string
    readonly read?: PaymentChannel['readStatement']
  },
): Promise<Result<Reconciled>> {
  const read = input.read ?? statementReader(ctx.tenantId, input.channel)
  if (!read) return fail(errors.channel_not_available, { channel: input.channel })
  const sha256 = digestOf(input.file)
  return ctx.kernel.db.tx(ctx.tenantId, tx => compare(tx, ctx, { ...input, read, sha256 }))
}

async function* noLines(): AsyncGenerator<StatementLine> {}

interface Job {
  readonly channel: string
  readonly read: PaymentChannel['readStatement']
  readonly day: string
  readonly file: StatementFile | undefined
  readonly sha256: Buffer
  readonly mchid?: string
}

async function compare(tx: Tx, ctx: Ctx, { channel, read, day, file, sha256, mchid }: Job): Promise<Result<Reconciled>> {
  const { tenantId, kernel } = ctx
  const merchant = mchid ? await payments.getMerchant(tx, tenantId, { channel, mchid }) : await payments.findMerchant(tx, tenantId, channel)
  if (!merchant) return fail(errors.channel_not_available, { channel })
  const account = { channel, mchid: merchant.mchid, day }
  await store.lockDay(tx, tenantId, account)
  const known = await store.findStatement(tx, tenantId, account, sha256)
  if (known) return ok({ outcome: 'unchanged', statement: known, found: 0, resolved: 0 })

  const span = { clearing: merchant.clearingAccountId, from: startOfDay(day), to: startOfDay(addDays(day, 1)) }
  const lines = file ? read(file.pieces(), day) : noLines()
  const { totals: summed, repeats, differences } = await difference(tx, ctx, channel, lines, span)
  const repeated = new Set(repeats.map(repeat => repeat.ref))
  const totals = file && repeats.length > 0 ? await withoutRepeats(summed, channel, read(file.pieces(), day), repeated) : summed

  const now = kernel.clock.now()
  const statement = { ...account, ...totals, id: makeId(ctx), name: file?.name.slice(0, 120) ?? '' }
  const statementId = await store.putStatement(tx, tenantId, { ...statement, sha256, by: ctx.actor.id, at: now })
  if (file) await keepFile(tx, ctx, statementId, file)
  await store.endWait(tx, tenantId, account)

  const settled = await settle(tx, ctx, { clearing: span.clearing, statementId, differences })
  const breaks: store.NewBreak[] = [
    ...settled.breaks.map(b => ({ ...account, ...b, id: makeId(ctx), statementId, openedAt: now, resolution: null })),
    ...repeats.map(({ ref, line, amountFen, ourNo, at }) => ({
      ...account,
      ...{ id: makeId(ctx), statementId, openedAt: now, ref, line, ourNo, about: null, bookedFen: null, happenedAt: at },
      class: 'duplicate_in_file' as const,
      severity: 3 as const,
      statedFen: amountFen,
      resolution: 'dropped_exact_repeat' as const,
    })),
  ]
  const kept = breaks.map(b => `${b.class} ${b.ref}`)
  for (const { ref, fen, ourNo, happenedAt } of await listWrittenOffUnstated(tx, tenantId, account, kept)) {
    const b = {
      class: fen > 0 ? ('ledger_only' as const) : ('refund_missing' as const),
      severity: 1 as const,
      ref,
      ourNo,
      about: null,
      line: null,
    }
    breaks.push({
      ...account,
      ...b,
      id: makeId(ctx),
      statementId,
      openedAt: now,
      resolution: null,
      statedFen: null,
      bookedFen: Math.abs(fen),
      happenedAt,
    })
    kept.push(`${b.class} ${ref}`)
  }
  const reopened = await reopenGivenBack(tx, ctx, account, kept)
  const vanished = await store.resolveVanished(tx, tenantId, account, kept, now)
  const stated = await store.resolveStated(tx, tenantId, channel, settled.bookedElsewhere, now)
  // Before what is new: a row that moved to another place of the file is withdrawn there and suspended here.
  await withdraw(
    tx,
    ctx,
    vanished.map(b => b.id),
  )
  const found = new Map(breaks.map(b => [`${b.class} ${b.ref}`, b]))
  for (const b of await store.upsertBreaks(tx, tenantId, breaks))
    if (!b.resolution) {
      const as = found.get(`${b.class} ${b.ref}`)!
      const isUnidentified = as.about === null && (b.class === 'channel_only' || b.class === 'refund_only')
      if (isUnidentified) await suspend(tx, ctx, { ...as, id: b.id })
      await tellOpened(tx, ctx, { ...b, day, channel }, isUnidentified)
    }
  for (const b of vanished) await tellResolved(tx, ctx, b, 'corrected_file')
  const ended = new Set(vanished.map(b => b.id))
  for (const b of await closeGivenBack(tx, ctx, account)) {
    ended.add(b.id)
    await resolveBySystem(tx, ctx, b, 'given_back')
  }
  for (const b of reopened.filter(b => !ended.has(b.id))) await tellOpened(tx, ctx, { ...b, channel }, true)
  for (const b of stated) await tellResolved(tx, ctx, b, 'in_other_file')
  await append(tx, ctx, statementReconciled, {
    subjectId: statementId,
    body: {
      channel: channel,
      day,
      rows: totals.rows,
      paid_fen: totals.paidFen,
      refunded_fen: totals.refundedFen,
      breaks: breaks.length,
    },
  })
  return ok({
    outcome: 'reconciled',
    statement: { ...statement, id: statementId },
    found: breaks.length,
    resolved: vanished.length + stated.length,
  })
}

/** The whole work on the many rows: what is left of it afterwards is a few differences in memory and nothing in the database. */
async function difference(
  tx: Tx,
  { tenantId }: Ctx,
  channel: string,
  lines: AsyncIterable<StatementLine>,
  span: { readonly clearing: number; readonly from: Date; readonly to: Date },
): Promise<{ totals: Totals; repeats: store.Repeat[]; differences: Difference[] }> {
  await store.openStage(tx)
  const totals = await stageStatement(tx, tenantId, channel, lines)
  await store.planForMany(tx)
  const repeats = await store.listRepeats(tx, tenantId, BREAKS_MAX)
  const conflict = repeats.find(repeat => repeat.isConflict)
  if (conflict) throw new StatementRefused('conflict', conflict.line, `rows about ${conflict.ref} contradict each other`)
  if (repeats.length > 0) {
    const refs = repeats.map(repeat => repeat.ref)
    await store.dropRepeats(tx, tenantId, refs)
  }
  const differences = await store.listDifferences(tx, tenantId, span, BREAKS_MAX + 1)
  if (differences.length > BREAKS_MAX) throw new StatementRefused('too_different', 0, `more than ${BREAKS_MAX} rows differ from the books`)
  await store.dropStage(tx)
  return { totals, repeats, differences }
}

type Found = Pick<store.NewBreak, 'class' | 'severity' | 'ref' | 'ourNo' | 'about' | 'line' | 'statedFen' | 'bookedFen' | 'happenedAt'>

/**
 * What of the differences is none, because the other side has it on another day: midnight falls differently for the channel
 * and for us, and a refund may be stated when it was asked for. What is stated without a booking of the same day is
 * remembered, so that the day of its booking does not miss it.
 */
async function settle(
  tx: Tx,
  ctx: Ctx,
  given: { readonly clearing: number; readonly statementId: string; readonly differences: readonly Difference[] },
): Promise<{ breaks: Found[]; bookedElsewhere: string[] }> {
  const { tenantId } = ctx
  const unbooked = given.differences.filter(d => d.bookedRef === null)
  const unstated = given.differences.filter(d => d.statedRef === null)
  const unbookedRefs = unbooked.map(d => d.statedRef!)
  const bookings = await findBookings(tx, tenantId, unbookedRefs, given.clearing)
  await store.insertElsewhere(tx, tenantId, given.statementId, unbookedRefs)
  const stated = await store.statedElsewhere(
    tx,
    tenantId,
    unstated.map(d => d.bookedRef!),
  )
  const breaks: Found[] = []
  for (const d of given.differences) {
    const elsewhere = d.bookedRef === null ? bookings.get(d.statedRef!) : undefined
    if (elsewhere && Math.abs(elsewhere.amount) === d.statedFen && elsewhere.amount > 0 !== d.isRefund) continue
    if (d.statedRef === null && stated.has(d.bookedRef!)) continue
    breaks.push(
      await described(
        tx,
        ctx,
        elsewhere ? { ...d, bookedRef: d.statedRef, about: elsewhere.about, bookedFen: Math.abs(elsewhere.amount) } : d,
      ),
    )
  }
  return { breaks, bookedElsewhere: [...bookings.keys()] }
}

async function described(tx: Tx, ctx: Ctx, d: Difference): Promise<Found> {
  const kind = classOf(d)
  const about = d.about ?? (await ownerOf(tx, ctx, d))
  const happenedAt = (d.statedAt ?? d.bookedAt)!
  return {
    class: kind,
    severity: severityOf(kind, happenedAt, about !== null),
    ref: (d.statedRef ?? d.bookedRef)!,
    ourNo: d.ourNo ?? '',
    about,
    line: d.line,
    statedFen: d.statedFen,
    bookedFen: d.bookedFen,
    happenedAt,
  }
}

/** The attempt or refund of ours a row names; null for a number we never gave. */
async function ownerOf(tx: Tx, ctx: Ctx, d: Difference): Promise<string | null> {
  if (d.isRefund) {
    const refundNo = d.statedRef!.slice(d.statedRef!.indexOf(':') + 1)
    return (await payments.findRefundByNo(tx, ctx.tenantId, refundNo))?.id ?? null
  }
  const ours = readOutTradeNo(d.ourNo ?? '')
  if (ours?.tenantId !== ctx.tenantId) return null
  return (await payments.findAttempt(tx, ctx.tenantId, ours.attemptId))?.id ?? null
}

function digestOf(file: StatementFile | undefined): Buffer {
  const hash = createHash('sha256')
  for (const piece of file?.pieces() ?? []) hash.update(piece)
  return hash.digest()
}

const partCell = (statementId: string, part: number): string => `payments|statement_part|bytes|${statementId}|${part}`

/** Keeps the file as evidence, compressed and sealed piece by piece: it names the channel's number of each payer. */
async function keepFile(tx: Tx, ctx: Ctx, statementId: string, file: StatementFile): Promise<void> {
  const { tenantId, kernel } = ctx
  let part = 0
  let held: Buffer[] = []
  let bytes = 0
  const keep = async (): Promise<void> => {
    const packed = await compress(Buffer.concat(held), LEVEL)
    await store.insertPart(tx, tenantId, statementId, part, kernel.vault.seal(tenantId, partCell(statementId, part), packed))
    part++
    held = []
    bytes = 0
  }
  for (const piece of file.pieces()) {
    held.push(piece)
    bytes += piece.length
    if (bytes >= PART_BYTES) await keep()
  }
  if (bytes > 0) await keep()
}

/** The file of a statement as it came, piece by piece. Who may have it sees every payer's number at the channel. */
export async function readStatementFile(
  ctx: Ctx,
  statementId: string,
): Promise<Result<{ readonly name: string; readonly pieces: AsyncIterable<Buffer> }>> {
  const allowed = permit(ctx, 'payments.reconcile.read')
  if (!allowed.ok) return allowed
  const { db, vault } = ctx.kernel
  const found = await db.read(ctx.tenantId, tx => store.findStatementById(tx, ctx.tenantId, statementId))
  if (!found) return fail(errors.statement_not_found)
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let part = 0; ; part++) {
      const row = await db.read(ctx.tenantId, tx => store.findPart(tx, ctx.tenantId, statementId, part))
      if (!row) return
      yield await unpack(vault.openBytes(ctx.tenantId, partCell(statementId, part), row.bytes))
    }
  }
  return ok({ name: found.name, pieces: pieces() })
}
