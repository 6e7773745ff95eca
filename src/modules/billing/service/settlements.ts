import { createHash } from 'node:crypto'
import { type Ctx, type Kernel, makeId, permit, systemCtx } from '#kernel/context.ts'
import { csvOf } from '#kernel/csv.ts'
import { type Db, firstOf, type Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addDays, dayOf, startOfDay, timeOfDay } from '#kernel/time.ts'
import {
  findFirstDay,
  findOpenDay,
  lastReadyDay,
  listPayeeMovements,
  listPayeeMovementsOf,
  type OpenDay,
  type PayeeMovement,
  partyOf,
} from '#modules/payments/index.ts'
import { append, type Check } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { settlementMade } from '../events.ts'
import * as store from '../store/settlements.ts'
import * as bills from '../store.ts'

/** Days back for which a booking may still be waiting for its settlement. */
const LOOK_BACK_DAYS = 60
const fileCell = (id: string): string => `billing|settlement|file|${id}`

interface Made {
  readonly rows: number
  readonly collectedFen: number
  readonly returnedFen: number
}

/**
 * The file a biller gets about one day: each payment and each return on its account that no earlier file held, and their totals.
 * Made once, and only when the day agrees with the channels; what is booked late for it comes with the next.
 */
async function settle(tx: Tx, ctx: Ctx, biller: bills.BillerRow, day: string): Promise<Made | undefined> {
  const { tenantId, kernel } = ctx
  await store.lockSettlements(tx, tenantId, biller.id)
  if (await store.findSettlement(tx, tenantId, biller.id, day)) return undefined
  const span = { payeeAccountId: biller.payableAccountId, from: startOfDay(addDays(day, -LOOK_BACK_DAYS)), to: startOfDay(addDays(day, 1)) }
  const movements = await listPayeeMovements(tx, tenantId, span)
  const known = await store.settledRefs(tx, tenantId, biller.id, [...new Set(movements.map(m => m.ref))])
  const fresh = movements.filter(m => !known.has(`${m.code} ${m.ref}`))
  const sum = (wanted: (m: PayeeMovement) => boolean) => fresh.filter(wanted).reduce((total, m) => total + m.amountFen, 0)
  const [collectedFen, returnedFen] = [sum(m => m.amountFen > 0), 0 - sum(m => m.amountFen < 0)]
  const id = makeId(ctx)
  const file = Buffer.from(csvOf(await rowsOf(tx, ctx, fresh, { collectedFen, returnedFen })))
  const sha256 = createHash('sha256').update(file).digest()
  await store.insertSettlement(tx, tenantId, {
    ...{ billerId: biller.id, day, id, madeAt: kernel.clock.now(), rows: fresh.length, collectedFen, returnedFen, sha256 },
    fileSealed: kernel.vault.seal(tenantId, fileCell(id), file),
  })
  await store.insertSettled(tx, tenantId, biller.id, day, await netsOf(tx, tenantId, { billerId: biller.id, day, movements: fresh }))
  await append(tx, ctx, settlementMade, {
    subjectId: id,
    body: {
      biller: biller.id,
      day,
      rows: fresh.length,
      collected_fen: collectedFen,
      returned_fen: returnedFen,
      sha256: sha256.toString('hex'),
    },
  })
  return { rows: fresh.length, collectedFen, returnedFen }
}

interface Fresh {
  readonly billerId: string
  readonly day: string
  readonly movements: readonly PayeeMovement[]
}

/** One line a booking, with the settled day it corrects: that of the payment, be it told late or given back. */
async function netsOf(tx: Tx, tenantId: number, { billerId, day, movements }: Fresh): Promise<store.SettledNet[]> {
  const paidOn = await store.mapSettledDays(tx, tenantId, billerId, [...new Set(movements.flatMap(m => m.paidRef ?? []))])
  // A payment and its return may stand in the same file.
  for (const m of movements) if (m.paidRef === null) paidOn.set(m.ref, dayOf(m.at))
  const belongsTo = (m: PayeeMovement): string => paidOn.get(m.paidRef ?? m.ref) ?? day
  const settled = await store.settledDays(tx, tenantId, billerId, [...new Set(movements.map(belongsTo))])
  const nets = new Map<string, store.SettledNet>()
  for (const m of movements) {
    const key = `${m.code} ${m.ref}`
    const corrects = belongsTo(m)
    nets.set(key, {
      ...{ ref: m.ref, code: m.code, netFen: (nets.get(key)?.netFen ?? 0) + m.amountFen },
      corrects: corrects < day && settled.has(corrects) ? corrects : null,
    })
  }
  return [...nets.values()]
}

const yuan = (fen: number): string => (fen / 100).toFixed(2)
const localTime = (at: Date): string => `${dayOf(at)} ${timeOfDay(at)}`

/** Rows of the file: one for each line, then the totals, so that a file cut off shows. */
async function rowsOf(
  tx: Tx,
  ctx: Ctx,
  movements: readonly PayeeMovement[],
  totals: { readonly collectedFen: number; readonly returnedFen: number },
): Promise<(string | number)[][]> {
  return [
    COLUMNS,
    ...(await linesOf(tx, ctx, movements)),
    [
      '合计',
      movements.length,
      '缴费',
      yuan(totals.collectedFen),
      '退回',
      yuan(totals.returnedFen),
      '净额',
      yuan(totals.collectedFen - totals.returnedFen),
    ],
  ]
}

const COLUMNS = ['类型', '账单号', '户号', '账期', '项目', '金额（元）', '时间', '收据号', '渠道', '凭证号']

/** A row for each line of a booking, under `COLUMNS`. */
async function linesOf(tx: Tx, ctx: Ctx, movements: readonly PayeeMovement[]): Promise<string[][]> {
  const billOf = new Map((await bills.listBillsById(tx, ctx.tenantId, [...new Set(movements.map(m => m.subjectId))])).map(b => [b.id, b]))
  const receipts = await store.mapReceiptNos(tx, ctx.tenantId, [...new Set(movements.map(m => m.orderId))])
  return movements.map(m => {
    const bill = billOf.get(m.subjectId)
    return [
      m.amountFen > 0 ? (m.code === 'REFUND_RELEASE' ? '退回取消' : '缴费') : '退回',
      ...(bill
        ? [bill.billNo, bill.accountNo, bill.periodFrom === bill.periodTo ? bill.periodTo : `${bill.periodFrom}/${bill.periodTo}`]
        : ['', '', '']),
      m.subjectKind === 'late_fee' ? '违约金' : m.subjectKind === 'product' ? '套餐业务' : '账单',
      yuan(m.amountFen),
      localTime(m.at),
      receipts.get(`${m.orderId} ${m.subjectId}`) ?? '',
      m.channel,
      m.ref,
    ]
  })
}

/** Makes every settlement that is due and not in the way of anything; true when more may be made at once. */
export async function runSettlements(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'billing.settlements')
  const last = lastReadyDay(kernel.clock.now())
  const due = await kernel.db.read(tenantId, async tx => {
    const first = await findFirstDay(tx, tenantId)
    if (!first) return []
    const billers = await bills.listBillers(tx, tenantId)
    const from = [first, addDays(last, 1 - LOOK_BACK_DAYS / 2)].sort()[1]!
    return (await store.listDueDays(tx, tenantId, from, last)).map(({ day, billerId }) => ({
      day,
      biller: billers.find(b => b.id === billerId)!,
    }))
  })
  // Days in their order, so that what is late for one day comes with the next and never with one before.
  const blocked = new Set<string>()
  for (const { day, biller } of due) {
    if (blocked.has(biller.id)) continue
    const made = await kernel.db.tx(tenantId, async tx =>
      (await findOpenDay(tx, ctx, day, partyOf(biller.id))) ? undefined : settle(tx, ctx, biller, day),
    )
    if (!made) blocked.add(biller.id)
  }
  return false
}

export type Settlement = store.CorrectedRow

export interface SettlementsView {
  readonly made: readonly Settlement[]
  /** Days not settled yet, oldest first, and what is in the way; only for who sees all billers. */
  readonly waiting: readonly ({ readonly day: string } & OpenDay)[]
}

const DAYS_SHOWN = 31

/** Settlements of the last month: staff of a biller see its own. */
export async function viewSettlements(ctx: Ctx): Promise<Result<SettlementsView>> {
  const allowed = permit(ctx, 'billing.reconcile.read')
  if (!allowed.ok) return allowed
  const { tenantId, kernel, actor } = ctx
  const last = lastReadyDay(kernel.clock.now())
  const from = addDays(last, -DAYS_SHOWN)
  return kernel.db.read(tenantId, async tx => {
    const made = await store.listSettlements(tx, tenantId, { from, to: last, billerId: actor.biller?.id ?? null })
    const first = await findFirstDay(tx, tenantId)
    const waiting: ({ day: string } & OpenDay)[] = []
    if (!actor.biller && first) {
      const days = [...new Set((await store.listDueDays(tx, tenantId, [first, from].sort()[1]!, last)).map(row => row.day))]
      for (const day of days) {
        const open = await findOpenDay(tx, ctx, day)
        if (open) waiting.push({ day, ...open })
      }
    }
    return ok({ made, waiting })
  })
}

async function findOwn(ctx: Ctx, id: string): Promise<Result<store.CorrectedRow & { readonly file: Buffer }>> {
  const allowed = permit(ctx, 'billing.reconcile.read')
  if (!allowed.ok) return allowed
  const found = isUuid(id) ? await ctx.kernel.db.read(ctx.tenantId, tx => store.findFile(tx, ctx.tenantId, id)) : undefined
  if (!found || (ctx.actor.biller && ctx.actor.biller.id !== found.billerId)) return fail(errors.settlement_not_found)
  return ok({ ...found, file: ctx.kernel.vault.openBytes(ctx.tenantId, fileCell(id), found.fileSealed) })
}

export interface NamedFile {
  readonly name: string
  readonly file: Buffer
}

/** The file of a settlement; of another biller it is as unknown. */
export async function readSettlement(ctx: Ctx, id: string): Promise<Result<NamedFile>> {
  const found = await findOwn(ctx, id)
  return found.ok ? ok({ name: `settlement-${found.value.billerId}-${found.value.day}.csv`, file: found.value.file }) : found
}

/**
 * A settled day as it stands by what was told or given back since: its file as it was made, then each booking that belongs to the
 * day and the file it stands in, then the totals before and after. The money itself moved with those later files.
 */
export async function readCorrected(ctx: Ctx, id: string): Promise<Result<NamedFile>> {
  const found = await findOwn(ctx, id)
  if (!found.ok) return found
  const { billerId, day, file, corrections, correctedFen } = found.value
  const netFen = found.value.collectedFen - found.value.returnedFen
  const rows = await ctx.kernel.db.read(ctx.tenantId, async tx => {
    const correcting = await store.listCorrecting(tx, ctx.tenantId, { billerId, day })
    const fileOf = new Map(correcting.map(line => [`${line.code} ${line.ref}`, line.day]))
    const biller = (await bills.findBiller(tx, ctx.tenantId, billerId))!
    const refs = [...new Set(correcting.map(line => line.ref))]
    const moved = (await listPayeeMovementsOf(tx, ctx.tenantId, biller.payableAccountId, refs)).filter(m =>
      fileOf.has(`${m.code} ${m.ref}`),
    )
    const lines = await linesOf(tx, ctx, moved)
    return lines.map((line, i) => [...line, `更正，见${fileOf.get(`${moved[i]!.code} ${moved[i]!.ref}`)}的文件`])
  })
  const totals = [['更正', corrections, '原净额', yuan(netFen), '更正', yuan(correctedFen), '更正后净额', yuan(netFen + correctedFen)]]
  return ok({
    name: `settlement-${billerId}-${day}-corrected.csv`,
    file: Buffer.concat([file, Buffer.from(csvOf([...rows, ...totals]).replace(/^\uFEFF/, ''))]),
  })
}

/** S1: what settlements hold and what no settlement holds yet is what each biller's account says, to the fen. S3: corrections have their day. */
export async function checkSettlements(db: Db, tenantId: number): Promise<Check[]> {
  return db.read(tenantId, async tx => {
    const differ: unknown[] = []
    for (const biller of await bills.listBillers(tx, tenantId)) {
      const row = await store.compareSettled(tx, tenantId, biller)
      if (row.settledFen !== row.heldFen || row.doubled > 0) differ.push({ biller: biller.id, ...row })
    }
    const astray = await tx.rows<Record<string, unknown>>(firstOf(store.sqlCorrectingNothing(tenantId), 5))
    return [
      {
        id: 'S1',
        name: 'settlements hold bookings of their biller, each once and with its amount',
        ok: differ.length === 0,
        detail: differ.length === 0 ? '' : JSON.stringify(differ.slice(0, 5)),
      },
      {
        id: 'S3',
        name: 'what corrects a settled day names an earlier one that is settled',
        ok: astray.length === 0,
        detail: astray.length === 0 ? '' : JSON.stringify(astray),
      },
    ]
  })
}
