import { type Ctx, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { dayOf } from '#kernel/time.ts'
import { type Claim, DEBIT, findOrderById, listClaims, listPaidParts, type PaidPart } from '#modules/payments/index.ts'
import { append } from '#modules/trail/index.ts'
import { daysFrozen, isFrozen } from '../dispute/model.ts'
import { type DisputeRow, mapDisputes } from '../dispute/store.ts'
import { type BillerRule, countedOn, type Dues, duesOn, type PartOfBill, ruleOn, type WaivedSpan } from '../dues.ts'
import { errors } from '../errors.ts'
import { billRead } from '../events.ts'
import { cleanAccountNo, isAccountNo, isTold, type Precheck, precheck, TOLD_KINDS } from '../model.ts'
import * as store from '../store.ts'
import type { Feature } from '../switchover/model.ts'
import { standingOf } from '../switchover/service.ts'
import { makeQuote, quoteItem } from './quotes.ts'
import { refreshBill } from './refresh.ts'

/** A bill and what it asks for now; nothing of it on what is paid or withdrawn. */
export interface BillState extends Dues {
  readonly bill: store.BillRow
  readonly biller: store.BillerRow
  /** The biller's rule of today. */
  readonly rule: BillerRule
  /** Days that count for no late fee. */
  readonly waived: readonly WaivedSpan[]
  /** Paid so far and not given back, the oldest first. */
  readonly parts: readonly (PartOfBill & { readonly orderId: string })[]
  /** The order that pays it, or is about to; none while a rest is free to be paid. */
  readonly claim?: Claim
  /** What somebody asked the biller about it, and what came of that. */
  readonly dispute?: DisputeRow
}

export interface BillForPayer extends BillState {
  readonly checks: readonly Precheck[]
  /** Earlier bills of the account, newest first. */
  readonly history: readonly store.BillRow[]
  readonly tariff?: store.TariffRow
  readonly quote: string
}

async function statesOf(tx: Tx, ctx: Ctx, bills: readonly store.BillRow[]): Promise<BillState[]> {
  const billers = new Map((await store.listBillers(tx, ctx.tenantId)).map(b => [b.id, b]))
  const ids = bills.map(b => b.id)
  const claims = Map.groupBy(await listClaims(tx, ctx.tenantId, TOLD_KINDS, ids), c => c.subjectId)
  const parts = Map.groupBy(await listPaidParts(tx, ctx.tenantId, TOLD_KINDS, ids), p => p.subjectId)
  const now = ctx.kernel.clock.now()
  const waivers = await store.mapWaivers(tx, ctx.tenantId, [...new Set(bills.map(b => b.accountId))])
  const disputes = await mapDisputes(tx, ctx.tenantId, ids)
  return bills
    .filter(bill => isOwn(ctx, bill))
    .map(bill => {
      const biller = billers.get(bill.billerId)!
      const day = countedOn(now, biller.rules)
      const dispute = disputes.get(bill.id)
      const waived = [...(waivers.get(bill.accountId) ?? []), ...(dispute ? daysFrozen(dispute) : [])]
      const paid = partsOf(parts.get(bill.id) ?? [], biller)
      const dues = duesOn(bill, day, biller.rules, waived, paid)
      const held = claims.get(bill.id) ?? []
      const open = held.find(c => c.state === 'open')
      // Of a bill paid in parts the last one still holds it: while a rest is left, nothing does.
      const claim = open ?? (dues.restFen + dues.lateFeeFen > 0 ? held.find(c => !c.isPart) : held[0])
      const isOver = isPaid({ bill, claim }) || bill.withdrawnAt !== null || !!bill.product
      const left = isOver ? { restFen: 0, lateFeeFen: 0, rebateFen: 0 } : dues
      return {
        bill,
        biller,
        rule: ruleOn(day, biller.rules),
        ...left,
        waived,
        parts: paid,
        ...(claim && { claim }),
        ...(dispute && { dispute }),
      }
    })
}

/** What each order paid of a bill, by the day it counts on. */
function partsOf(lines: readonly PaidPart[], biller: store.BillerRow): BillState['parts'] {
  return [...Map.groupBy(lines, line => line.orderId)].map(([orderId, of]) => {
    const sum = (isLate: boolean) => of.reduce((fen, line) => fen + ((line.subjectKind === 'late_fee') === isLate ? line.amountFen : 0), 0)
    return { orderId, on: countedOn(of[0]!.paidAt, biller.rules), principalFen: sum(false), lateFeeFen: sum(true) }
  })
}

/** Whether a bill is left alone by all that happens by itself, because somebody asked the biller to check it. */
export const isHeldBack = ({ bill, dispute }: Pick<BillState, 'bill' | 'dispute'>): boolean => !!dispute && isFrozen(dispute, bill)

/** Staff of a biller see what is its own; everybody else is not confined to one. */
export const isOwn = ({ actor }: Ctx, { billerId }: { billerId: string }): boolean => !actor.biller || actor.biller.id === billerId

export const isPaid = ({ bill, claim }: { bill: store.BillRow; claim?: Claim | undefined }): boolean =>
  bill.isSettledBefore || claim?.state === 'paid'

function checksOf(ctx: Ctx, state: BillState, others: readonly BillState[], payers: readonly string[]): Precheck[] {
  const { bill, biller, claim } = state
  const now = ctx.kernel.clock.now()
  return precheck({
    amountFen: bill.amountFen,
    lateFeeFen: state.lateFeeFen,
    dueOn: bill.dueOn,
    today: dayOf(now),
    isSettledBefore: bill.isSettledBefore,
    isWithdrawn: bill.withdrawnAt !== null,
    isAccountClosed: bill.isAccountClosed,
    isBillerOnline: biller.isOnline,
    asOf: bill.asOf,
    olderOpen: others.filter(o => o.bill.periodTo < bill.periodTo && !isPaid(o)).length,
    ...(state.dispute && isHeldBack(state) && { dispute: state.dispute.state === 'open' ? 'open' : 'upheld' }),
    takesOldestFirst: biller.config.partial_payment === 'oldest_first',
    history: others.filter(o => o.bill.periodTo < bill.periodTo).map(o => o.bill.amountFen),
    ...(claim && {
      claim: {
        state: claim.state,
        mine: payers.includes(claim.payer),
        isOdd: claim.isOdd,
        minutesLeft: Math.max(1, Math.ceil((claim.expiresAt.getTime() - now.getTime()) / 60_000)),
        ...(claim.place === DEBIT && { debitedOn: dayOf(claim.placedAt) }),
      },
    }),
  })
}

/** Where paying is not on yet for an account: said before anybody tries. Paid is paid, whatever is on. */
async function switchCheck(tx: Tx, ctx: Ctx, feature: Feature, state: BillState): Promise<Precheck[]> {
  if (isPaid(state)) return []
  const standing = await standingOf(tx, ctx, feature, state.bill.accountId)
  return standing.isOn ? [] : [{ level: 'stop', key: 'not_open', params: { from: standing.from?.toISOString() ?? '' } }]
}

/** The bill behind a printed code, `feature` being what it is to be paid by, with everything checked before money moves. Names come masked. */
export async function getBill(ctx: Ctx, code: string, payers: readonly string[], feature?: Feature): Promise<Result<BillForPayer>> {
  await refreshBill(ctx, code)
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const bill = await store.findBillByCode(tx, ctx.tenantId, code)
    if (!bill || !isOwn(ctx, bill)) return fail(errors.bill_not_found)
    const rows = await store.listBillsOfAccounts(tx, ctx.tenantId, [bill.accountId], 26)
    const states = await statesOf(tx, ctx, rows.some(r => r.id === bill.id) ? rows : [bill, ...rows])
    const state = states.find(s => s.bill.id === bill.id)!
    const others = states.filter(s => s.bill.id !== bill.id)
    const tariffs = await store.listTariffs(tx, ctx.tenantId, bill.billerId)
    const tariff = tariffs.find(t => t.validFrom <= `${bill.periodTo}-28` && (t.validTo === null || t.validTo >= `${bill.periodFrom}-01`))
    return ok({
      ...state,
      checks: [...checksOf(ctx, state, others, payers), ...(feature ? await switchCheck(tx, ctx, feature, state) : [])],
      history: rows.filter(r => r.periodTo < bill.periodTo),
      ...(tariff && { tariff }),
      quote: makeQuote(ctx, [quoteItem(state)]),
    })
  })
}

/** Whether a bill of an earlier period of the same account waits to be paid. */
export async function hasOlderOpen(tx: Tx, ctx: Ctx, bill: store.BillRow): Promise<boolean> {
  const states = await statesOf(tx, ctx, await store.listBillsOfAccounts(tx, ctx.tenantId, [bill.accountId]))
  return states.some(other => other.bill.periodTo < bill.periodTo && !isPaid(other))
}

/** Facts of several bills at once, in the caller's transaction: what paying them rests on. */
export async function examine(
  tx: Tx,
  ctx: Ctx,
  billIds: readonly string[],
  payers: readonly string[],
): Promise<(BillState & { checks: Precheck[] })[]> {
  const bills = await store.listBillsById(tx, ctx.tenantId, billIds)
  const states = await statesOf(tx, ctx, bills)
  return states.map(state => ({ ...state, checks: checksOf(ctx, state, [], payers) }))
}

export async function findBillById(ctx: Ctx, billId: string): Promise<BillState | undefined> {
  return ctx.kernel.db.read(ctx.tenantId, async tx => (await statesOf(tx, ctx, await store.listBillsById(tx, ctx.tenantId, [billId])))[0])
}

/** A bill and the newest of its account, for the desk; who looks leaves an entry. Undefined where it is not the caller's to see. */
export async function readBill(
  ctx: Ctx,
  billId: string,
): Promise<Result<{ state: BillState; ofAccount: BillState[]; boundCount: number }>> {
  const may = permit(ctx, 'billing.bill.read')
  if (!may.ok) return may
  if (!isUuid(billId)) return fail(errors.bill_not_found)
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const [state] = await statesOf(tx, ctx, await store.listBillsById(tx, ctx.tenantId, [billId]))
    if (!state) return fail(errors.bill_not_found)
    const { accountId } = state.bill
    const ofAccount = await statesOf(tx, ctx, await store.listBillsOfAccounts(tx, ctx.tenantId, [accountId], ACCOUNT_BILLS_MAX))
    await append(tx, ctx, billRead, { subjectId: billId, body: {} })
    return ok({ state, ofAccount, boundCount: await store.countBindings(tx, ctx.tenantId, accountId) })
  })
}

/** The first bill an order pays for, or what was ordered by it. */
export async function findBillOfOrder(ctx: Ctx, orderId: string): Promise<BillState | undefined> {
  const order = await findOrderById(ctx, orderId)
  const line = order?.lines.find(isTold)
  return line && findBillById(ctx, line.subjectId)
}

/** Open bills of accounts, oldest first: not withdrawn, not paid. */
export async function listOpenBills(ctx: Ctx, accountIds: readonly string[]): Promise<BillState[]> {
  if (accountIds.length === 0) return []
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const states = await statesOf(tx, ctx, await store.listBillsOfAccounts(tx, ctx.tenantId, accountIds))
    return states.filter(s => !isPaid(s)).reverse()
  })
}

/** Looks an account up by what is printed on a paper bill. The same answer for unknown and closed: nothing to enumerate. */
export async function findAccount(ctx: Ctx, billerId: string, typed: string): Promise<Result<store.AccountRow>> {
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const biller = await store.findBiller(tx, ctx.tenantId, billerId)
    if (!biller) return fail(errors.biller_not_found)
    const accountNo = cleanAccountNo(typed)
    if (!isAccountNo(accountNo, biller.config.account)) return fail(errors.account_no_malformed, undefined, 'account')
    const account = await store.findAccount(tx, ctx.tenantId, billerId, accountNo)
    return account ? ok(account) : fail(errors.account_not_found, undefined, 'account')
  })
}

export const listBillers = (ctx: Ctx) => ctx.kernel.db.read(ctx.tenantId, tx => store.listBillers(tx, ctx.tenantId))
export const listTariffs = (ctx: Ctx, billerId?: string) =>
  ctx.kernel.db.read(ctx.tenantId, tx => store.listTariffs(tx, ctx.tenantId, billerId))
export const listBindings = (ctx: Ctx, payers: readonly string[]) =>
  ctx.kernel.db.read(ctx.tenantId, tx => store.listBindings(tx, ctx.tenantId, payers))
/** Two years of monthly bills. */
const ACCOUNT_BILLS_MAX = 24
/** Digits of an account number from which on its beginning is searched for. */
const PREFIX_CHARS_MIN = 6
export const SEARCHED_MAX = 50

export const searchBills = (ctx: Ctx, text: string) =>
  ctx.kernel.db.read(ctx.tenantId, async tx => {
    const number = cleanAccountNo(text)
    const prefix = /^[0-9A-Z]+$/.test(number) && number.length >= PREFIX_CHARS_MIN ? `${number}%` : null
    return statesOf(tx, ctx, await store.searchBills(tx, ctx.tenantId, number, prefix, ctx.actor.biller?.id ?? null, SEARCHED_MAX))
  })

export const bindAccount = (
  ctx: Ctx,
  payer: string,
  accountId: string,
  relation: string,
  nickname: string | null,
  sharedBy: string | null = null,
) =>
  ctx.kernel.db.tx(ctx.tenantId, tx =>
    store.upsertBinding(tx, ctx.tenantId, { payer, accountId, relation, nickname, sharedBy }, ctx.kernel.clock.now()),
  )
export const unbindAccount = (ctx: Ctx, payers: readonly string[], accountId: string) =>
  ctx.kernel.db.tx(ctx.tenantId, tx => store.deleteBinding(tx, ctx.tenantId, payers, accountId))
