import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import { type Ctx, makeId, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addDays, startOfDay } from '#kernel/time.ts'
import {
  BREAKS_MAX,
  endPutOff,
  keepOutsideBreaks,
  lockOutsideBreaks,
  partyOf,
  resolveOutsideBreak,
  StatementRefused,
} from '#modules/payments/index.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { checkCompared, postingToldAgain } from '../events.ts'
import { type BillerConfig, POSTING } from '../model.ts'
import * as bills from '../store.ts'
import { type CheckLayout, checkLayoutSchema, parseCheckFile, STANDARD_CHECK } from './layout.ts'
import { compareCheck, endOf } from './model.ts'
import * as store from './store.ts'

const compress = promisify(zstdCompress)
const unpack = promisify(zstdDecompress)
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
const NAME_CHARS_MAX = 120
const fileCell = (id: string): string => `billing|check_file|file|${id}`

/** How a biller writes its check file; undefined for one that gives none. */
export function checkLayoutOf(config: BillerConfig): CheckLayout | undefined {
  if (config.check_file === undefined) return undefined
  return config.check_file === 'standard' ? STANDARD_CHECK : checkLayoutSchema.parse(config.check_file)
}

export interface Checked {
  /** Unchanged: this very file counts already. */
  readonly outcome: 'compared' | 'unchanged'
  readonly id: string
  readonly name: string
  readonly rows: number
  readonly sumFen: number
  readonly found: number
  readonly resolved: number
}

/**
 * Compares what a biller says it booked on a day with what it was told, in one transaction: the file counts whole with all its
 * differences, or nothing changed. The same file again changes nothing; another of the same day takes the place of the first.
 * What the file lacks is told again under the same number. Throws StatementRefused for a file that contradicts itself.
 */
export async function compareCheckFile(
  ctx: Ctx,
  input: { readonly billerId: string; readonly day: string; readonly name: string; readonly bytes: Buffer },
): Promise<Result<Checked>> {
  const allowed = permit(ctx, 'payments.reconcile.decide')
  if (!allowed.ok) return allowed
  const sha256 = createHash('sha256').update(input.bytes).digest()
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const biller = await bills.findBiller(tx, ctx.tenantId, input.billerId)
    const layout = biller && checkLayoutOf(biller.config)
    if (!layout) return fail(errors.biller_not_found)
    await store.lockChecks(tx, ctx.tenantId, input.billerId)
    const known = await store.findCounting(tx, ctx.tenantId, input.billerId, input.day)
    if (known?.sha256.equals(sha256)) return ok({ ...known, outcome: 'unchanged', found: 0, resolved: 0 })
    return ok(await compare(tx, ctx, { ...input, layout, sha256 }))
  })
}

interface Job {
  readonly billerId: string
  readonly day: string
  readonly name: string
  readonly bytes: Buffer
  readonly layout: CheckLayout
  readonly sha256: Buffer
}

async function compare(tx: Tx, ctx: Ctx, { billerId, day, layout, bytes, sha256, ...job }: Job): Promise<Checked> {
  const { tenantId, kernel } = ctx
  const { rows } = parseCheckFile(layout, bytes, day)
  const standing = rows.filter(row => row.isStanding)
  const sumFen = standing.reduce((sum, row) => sum + row.amountFen, 0)
  const name = job.name.slice(0, NAME_CHARS_MAX)
  const packed = await compress(bytes, LEVEL)
  const file = { id: makeId(ctx), billerId, day, name, rows: standing.length, sumFen, receivedAt: kernel.clock.now() }
  const fileSealed = (id: string) => kernel.vault.seal(tenantId, fileCell(id), packed)
  const id = await store.putFile(tx, tenantId, { ...file, sha256, by: ctx.actor.id, fileSealed })
  await store.insertRows(tx, tenantId, billerId, day, rows)
  await endPutOff(tx, tenantId, partyOf(billerId), day)

  const told = await store.mapTold(
    tx,
    tenantId,
    billerId,
    rows.map(row => row.postingNo),
  )
  const [from, to] = [startOfDay(day), startOfDay(addDays(day, 1))]
  const unstated = await store.listUnstated(tx, tenantId, billerId, from, to, BREAKS_MAX + 1)
  const breaks = compareCheck(day, rows, told, unstated)
  if (breaks.length > BREAKS_MAX) throw new StatementRefused('too_different', 0, `more than ${BREAKS_MAX} rows differ`)
  await keepOutsideBreaks(tx, ctx, { party: partyOf(billerId), day, fileId: id }, breaks)
  const inWork = breaks.filter(b => b.severity === 3 && b.class === 'biller_only').map(b => b.ref)
  await store.wakePostings(tx, tenantId, inWork, kernel.clock.now())
  for (const b of breaks) if (b.class === 'biller_missing') await tellAgain(tx, ctx, b.ref, b.about!)
  const resolved = await endDifferences(tx, ctx, billerId)
  await append(tx, ctx, checkCompared, {
    subjectId: id,
    body: { biller: billerId, day, rows: standing.length, sum_fen: sumFen, breaks: breaks.length },
  })
  return { outcome: 'compared', id, name, rows: standing.length, sumFen, found: breaks.length, resolved }
}

/** Puts a posting back to work: asked first, told again under its number; what the biller then refuses goes back to the payer. */
async function tellAgain(tx: Tx, ctx: Ctx, postingId: string, orderId: string): Promise<void> {
  const posting = await bills.findPosting(tx, ctx.tenantId, postingId)
  if (posting?.state !== POSTING.posted) return
  await bills.reopenPosting(tx, ctx.tenantId, postingId, [POSTING.posted], POSTING.sent, ctx.kernel.clock.now())
  await append(tx, ctx, postingToldAgain, { subjectId: orderId, body: { posting: postingId, bill: posting.billId } })
}

/** Ends every open difference with a biller that what both sides say by now explains. */
export async function endDifferences(tx: Tx, ctx: Ctx, billerId: string): Promise<number> {
  const all = await lockOutsideBreaks(tx, ctx.tenantId, partyOf(billerId))
  // Its remittances are another paper's matter.
  const open = all.filter(b => b.class.startsWith('biller_'))
  const refs = open.map(b => b.ref)
  const stated = await store.mapStated(tx, ctx.tenantId, billerId, refs)
  const told = await store.mapTold(tx, ctx.tenantId, billerId, refs)
  let ended = 0
  for (const b of open) {
    const how = endOf(b, stated.get(b.ref), told.get(b.ref))
    if (!how) continue
    await resolveOutsideBreak(tx, ctx, b, how)
    ended++
  }
  return ended
}

/** Who reconciles sees the files of all billers, staff of a biller its own. */
const readPermission = (ctx: Ctx): string => (ctx.actor.biller ? 'billing.reconcile.read' : 'payments.reconcile.read')

/** Check files of a span that count; staff of a biller see its own. */
export async function listCheckFiles(ctx: Ctx, from: string, to: string): Promise<Result<store.CheckFileRow[]>> {
  const allowed = permit(ctx, readPermission(ctx))
  if (!allowed.ok) return allowed
  const billerId = ctx.actor.biller?.id ?? null
  return ok(await ctx.kernel.db.read(ctx.tenantId, tx => store.listFiles(tx, ctx.tenantId, { from, to, billerId })))
}

/** A check file as it came; of another biller it is as unknown. */
export async function readCheckFile(ctx: Ctx, id: string): Promise<Result<{ readonly name: string; readonly bytes: Buffer }>> {
  const allowed = permit(ctx, readPermission(ctx))
  if (!allowed.ok) return allowed
  const found = isUuid(id) ? await ctx.kernel.db.read(ctx.tenantId, tx => store.findFile(tx, ctx.tenantId, id)) : undefined
  if (!found || (ctx.actor.biller && ctx.actor.biller.id !== found.billerId)) return fail(errors.check_file_not_found)
  return ok({ name: found.name, bytes: await unpack(ctx.kernel.vault.openBytes(ctx.tenantId, fileCell(id), found.fileSealed)) })
}
