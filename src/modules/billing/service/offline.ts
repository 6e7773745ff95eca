import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { catching, ok, type Result } from '#kernel/result.ts'
import {
  closeOrder,
  findOffline,
  findOrderById,
  keepOffline,
  listOpenOffline,
  type OfflineAct,
  type OfflineKey,
  type OfflineMeans,
  settleOffline,
} from '#modules/payments/index.ts'
import { countedOn, type Dues, dueFen, duesOn } from '../dues.ts'
import { cleanAccountNo } from '../model.ts'
import * as store from '../store.ts'
import { type BillState, examine, isPaid } from './bills.ts'
import { linesFor } from './pay.ts'
import { issueReceipts } from './receipts.ts'

/** A code as a scanner types it, within its address. */
const codeIn = (subject: string): string => /\/b\/([0-9a-z]{20,40})/.exec(subject)?.[1] ?? subject.trim()
const CANDIDATES_MAX = 26

type Found = BillState & { readonly isOver: boolean }

const isOver = (state: BillState): boolean => isPaid(state) || state.bill.withdrawnAt !== null

/** What a bill asked for when its money was taken, and what it asks for at the upload: both were right once. */
function askedFor(state: Found, act: OfflineAct): readonly Dues[] {
  const { bill, biller, waived, parts } = state
  const then = duesOn(bill, countedOn(act.takenAt, biller.rules), biller.rules, waived, parts)
  return state.isOver ? [then] : [then, state]
}

/** The bill somebody paid without network: the one named, or of a named account the oldest open one of that amount, else the oldest open. */
async function findBill(tx: Tx, ctx: Ctx, act: OfflineAct): Promise<Found | undefined> {
  const text = cleanAccountNo(codeIn(act.subject))
  const rows = await store.searchBills(tx, ctx.tenantId, text, null, null, CANDIDATES_MAX)
  if (rows.length === 0) return undefined
  const states = await examine(
    tx,
    ctx,
    rows.map(row => row.id),
    [],
  )
  const found = states.map(state => ({ ...state, isOver: isOver(state) })).sort((a, b) => (a.bill.periodTo < b.bill.periodTo ? -1 : 1))
  const open = found.filter(state => !state.isOver)
  return open.find(state => askedFor(state, act).some(dues => dueFen(dues) === act.amountFen)) ?? open[0] ?? found.at(-1)
}

function meansOf(found: Found | undefined, act: OfflineAct): OfflineMeans {
  if (!found) return { kind: 'unknown' }
  if (found.claim?.state === 'paid') return { kind: 'paid', orderId: found.claim.orderId }
  // Whatever else was open has been closed: only an order a person decides about is left.
  if (found.claim) return { kind: 'odd', orderId: found.claim.orderId }
  const dues = askedFor(found, act)
  const { restFen, rebateFen, lateFeeFen } = dues.find(one => dueFen(one) === act.amountFen) ?? dues.at(-1)!
  const lines = linesFor(found, { principalFen: restFen - rebateFen, lateFeeFen }, found.parts.length > 0)
  return { kind: found.isOver ? 'not_due' : 'due', lines, title: lines[0]!.title, after: found.parts.map(part => part.orderId) }
}

/**
 * Finds out what an act's money was for and brings it into the books. While the bill is being paid elsewhere, that is given up
 * first if it can be: the cash lies in the drawer. True once it is settled.
 */
async function workOffline(ctx: Ctx, key: OfflineKey): Promise<boolean> {
  const { db } = ctx.kernel
  const act = await findOffline(ctx, key)
  if (!act || act.outcome) return true
  const found = await db.read(ctx.tenantId, tx => findBill(tx, ctx, act))
  if (found?.claim?.state === 'open' && (await closeOrder(ctx, found.claim.orderId, 'paid_in_cash')) === 'unknown') return false
  const done = await catching(() =>
    db.tx(ctx.tenantId, async tx => settleOffline(tx, ctx, key, meansOf(await findBill(tx, ctx, act), act))),
  )
  // Somebody began to pay in this moment: it has another turn.
  if (!done.ok) return false
  const settled = await findOffline(ctx, key)
  const order = settled?.outcome === 'booked' ? await findOrderById(ctx, settled.orderId!) : undefined
  if (order) await db.tx(ctx.tenantId, tx => issueReceipts(tx, ctx, order))
  return true
}

export interface Uploaded {
  readonly kept: number
  readonly known: number
  readonly differing: number
  /** Kept, but their bills are still being paid elsewhere: they are looked at again. */
  readonly waiting: number
}

/** Takes in what a window did without network. Repeating it, in whatever order, changes nothing. */
export async function uploadOffline(ctx: Ctx, acts: readonly OfflineAct[]): Promise<Result<Uploaded>> {
  const kept = await keepOffline(ctx, acts)
  if (!kept.ok) return kept
  let waiting = 0
  for (const act of acts) if (!(await workOffline(ctx, act))) waiting++
  return ok({ kept: kept.value.kept, known: kept.value.known, differing: kept.value.differing.length, waiting })
}

/** Looks again at what could not be settled when it came. */
export async function runOffline(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'billing.offline')
  for (const act of await listOpenOffline(ctx)) await workOffline(ctx, act)
  return false
}
