import { type Ctx, makeId } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { newCode } from '#kernel/id.ts'
import { addMs } from '#kernel/time.ts'
import { listClaims, listPaidParts } from '#modules/payments/index.ts'
import { append } from '#modules/trail/index.ts'
import { accountRefreshed } from '../events.ts'
import type { FeeLine } from '../model.ts'
import type { AccountAnswer, BillerBill } from '../ports.ts'
import * as store from '../store/refresh.ts'
import { findBiller, setBillerOnline } from '../store.ts'
import { findPort } from './clients.ts'

const MINUTE_MS = 60_000
/** Age at which what we know of an account is asked anew; a biller may set its own (`query_after_min`). */
const FRESH_MIN = 10
/** Nobody asks about the same account more often, whatever the answer. */
const AGAIN_MS = MINUTE_MS

/**
 * Asks the biller about the account of a bill when what we know is old: new bills, corrected amounts, payments made
 * elsewhere. A biller that does not answer is shown as offline; the page then shows what is known and since when. Never
 * throws: looking at a bill must not depend on the biller, nor on room to write the answer down.
 */
export async function refreshBill(ctx: Ctx, code: string): Promise<void> {
  try {
    await ask(ctx, code)
  } catch (error) {
    ctx.kernel.log.warn({ err: error }, 'account not refreshed')
  }
}

async function ask(ctx: Ctx, code: string): Promise<void> {
  const { db, clock } = ctx.kernel
  const now = clock.now()
  const found = await db.read(ctx.tenantId, async tx => {
    const account = await store.findAsked(tx, ctx.tenantId, code)
    const biller = account && (await findBiller(tx, ctx.tenantId, account.billerId))
    const known_at = account?.askedAt && account.askedAt > account.issuedAt ? account.askedAt : account?.issuedAt
    if (!account || !biller || addMs(known_at!, (biller.config.query_after_min ?? FRESH_MIN) * MINUTE_MS) > now) return undefined
    if (account.triedAt && addMs(account.triedAt, AGAIN_MS) > now) return undefined
    const port = await findPort(tx, ctx, account.billerId)
    return port?.listBills && { account, biller, listBills: port.listBills }
  })
  if (!found) return
  const { account, biller, listBills } = found
  if (!(await db.tx(ctx.tenantId, tx => store.takeAsking(tx, ctx.tenantId, account.accountId, now, addMs(now, -AGAIN_MS))))) return
  const answer = await listBills(account.accountNo)
  await db.tx(ctx.tenantId, async tx => {
    await setBillerOnline(tx, ctx.tenantId, biller.id, answer.kind === 'bills')
    if (answer.kind === 'bills') await take(tx, ctx, account, biller.serviceZh, answer)
  })
}

/** Writes down what the biller said. A bill somebody is paying or has paid through us stays as it is. */
async function take(
  tx: Tx,
  ctx: Ctx,
  account: store.AskedAccount,
  service: string,
  answer: Extract<AccountAnswer, { kind: 'bills' }>,
): Promise<void> {
  const now = ctx.kernel.clock.now()
  const said = new Map(answer.bills.map(bill => [bill.billNo, bill]))
  const held = await store.listHeld(tx, ctx.tenantId, account.accountId, [...said.keys()])
  const ids = held.map(bill => bill.id)
  const live = (await listClaims(tx, ctx.tenantId, ['bill'], ids)).filter(claim => claim.state !== 'closed')
  const isClaimed = new Set(live.map(claim => claim.subjectId))
  const isBeingPaid = new Set(live.filter(claim => claim.state === 'open').map(claim => claim.subjectId))
  // An order for the rest that was given up leaves no claim: what is paid in part is known by its parts alone.
  const partsFen = new Map<string, number>()
  for (const { subjectId, amountFen } of await listPaidParts(tx, ctx.tenantId, ['bill'], ids))
    partsFen.set(subjectId, (partsFen.get(subjectId) ?? 0) + amountFen)
  const here = held.filter(bill => !bill.isSettledBefore)
  const free = here.filter(bill => !isClaimed.has(bill.id) && !partsFen.has(bill.id))
  // Of a bill paid here in parts the rest may be paid elsewhere; its amount stays what the parts were taken of.
  const resting = here.filter(bill => !isBeingPaid.has(bill.id) && (partsFen.get(bill.id) ?? bill.amountFen) < bill.amountFen)
  const settled = [...free, ...resting].filter(bill => said.get(bill.billNo)!.isPaid)
  const corrected = free.filter(bill => !said.get(bill.billNo)!.isPaid && said.get(bill.billNo)!.amountFen !== bill.amountFen)
  const known = new Set(held.map(bill => bill.billNo))
  const linesOf = (bill: BillerBill): FeeLine[] => [{ item: 'total', name: bill.title || service, amount_fen: bill.amountFen }]
  // Taken back at the biller, or said while a payment of ours that came back was still posted there.
  const reopened = held.filter(bill => bill.isSettledElsewhere && !said.get(bill.billNo)!.isPaid)
  const idsOf = (some: readonly store.HeldBill[]) => some.map(bill => bill.id)
  if (settled.length > 0) await store.settleElsewhere(tx, ctx.tenantId, idsOf(settled), now)
  if (reopened.length > 0) await store.reopenBills(tx, ctx.tenantId, idsOf(reopened))
  for (const { id, billNo } of corrected) {
    const bill = said.get(billNo)!
    await store.correctBill(tx, ctx.tenantId, id, bill.amountFen, linesOf(bill))
  }
  let found = 0
  for (const bill of said.values()) {
    if (known.has(bill.billNo)) continue
    const row = { ...bill, id: makeId(ctx), code: newCode(ctx.kernel.random), lines: linesOf(bill) }
    found += await store.insertFound(tx, ctx.tenantId, account.billerId, account.accountId, row, now)
  }
  await store.setAsked(tx, ctx.tenantId, account.accountId, now)
  if (found + settled.length + corrected.length + reopened.length > 0)
    await append(tx, ctx, accountRefreshed, {
      subjectId: account.accountId,
      body: { biller: account.billerId, found, corrected: corrected.length, settled: settled.length, reopened: reopened.length },
    })
}
