import { accessErrors, type Ctx, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { findDebitBank, mapMandates } from '#modules/payments/index.ts'
import { dueFen } from '../dues.ts'
import { type BillState, listOpenBills } from '../service/bills.ts'
import * as bills from '../store.ts'
import { nextDebitDay, nextTry, type Terms } from './model.ts'
import * as store from './store.ts'

export interface NextDebit {
  readonly day: string
  readonly amountFen: number
  readonly isOverCeiling: boolean
}

export interface Debit extends store.MandateRow {
  readonly account: bills.AccountRow
  readonly biller: bills.BillerRow
  readonly cardMask: string
  readonly next: NextDebit | undefined
  /** Newest first, with the period of the bill. */
  readonly items: readonly (store.ItemRow & { readonly periodFrom: string; readonly periodTo: string })[]
}

const ITEMS_SHOWN = 60

/** What would be debited next under some terms: the earliest of the open bills that no try is under way for. */
function nextOf(open: readonly BillState[], terms: Terms, items: readonly store.ItemRow[], now: Date): NextDebit | undefined {
  const due = open.flatMap(state => {
    const { bill, claim } = state
    const day = nextDebitDay(bill.dueOn, terms, now)
    const made = items.filter(item => item.billId === bill.id)
    if (claim || bill.withdrawnAt || day === undefined || nextTry(made, day) === undefined) return []
    const amountFen = dueFen(state)
    return [{ day, amountFen, isOverCeiling: amountFen > terms.ceilingFen }]
  })
  return due.sort((a, b) => (a.day < b.day ? -1 : 1))[0]
}

/** What a mandate with these terms would do first for an account: said before anybody agrees to it. */
export async function previewDebit(ctx: Ctx, accountId: string, terms: Terms): Promise<NextDebit | undefined> {
  return nextOf(await listOpenBills(ctx, [accountId]), terms, [], ctx.kernel.clock.now())
}

export const hasDebitBank = (ctx: Pick<Ctx, 'tenantId'>): boolean => findDebitBank(ctx.tenantId) !== undefined

async function viewOf(tx: Tx, ctx: Ctx, rows: readonly store.MandateRow[]): Promise<Omit<Debit, 'next'>[]> {
  const { tenantId } = ctx
  const items = await store.listItems(
    tx,
    tenantId,
    rows.map(row => row.id),
    ITEMS_SHOWN,
  )
  const periods = new Map((await bills.listBillsById(tx, tenantId, [...new Set(items.map(item => item.billId))])).map(b => [b.id, b]))
  const banks = await mapMandates(
    tx,
    tenantId,
    rows.map(row => row.bankMandateId),
  )
  const billers = new Map((await bills.listBillers(tx, tenantId)).map(b => [b.id, b]))
  const views: Omit<Debit, 'next'>[] = []
  for (const row of rows) {
    const account = (await bills.findAccountById(tx, tenantId, row.accountId))!
    views.push({
      ...row,
      account,
      biller: billers.get(account.billerId)!,
      cardMask: banks.get(row.bankMandateId)?.cardMask ?? '',
      items: items
        .filter(item => item.mandateId === row.id)
        .map(item => {
          const { periodFrom, periodTo } = periods.get(item.billId)!
          return { ...item, periodFrom, periodTo }
        }),
    })
  }
  return views
}

/** A signed-in resident's own mandates: what is live first, with what comes next, then those that ended. */
export async function listDebits(ctx: Ctx): Promise<Result<Debit[]>> {
  if (ctx.actor.kind !== 'resident') return fail(ctx.actor.kind === 'anonymous' ? accessErrors.sign_in_first : accessErrors.denied)
  const { tenantId, kernel, actor } = ctx
  const views = await kernel.db.read(tenantId, async tx => {
    const rows = await store.listMandatesOf(tx, tenantId, `resident:${actor.id}`)
    return viewOf(
      tx,
      ctx,
      rows.filter(row => row.why !== 'bank_refused'),
    )
  })
  const now = kernel.clock.now()
  const debits: Debit[] = []
  for (const view of views) {
    const isLive = view.state === 'active' || view.state === 'pending'
    const next = isLive ? nextOf(await listOpenBills(ctx, [view.accountId]), view, view.items, now) : undefined
    debits.push({ ...view, next })
  }
  return ok(debits)
}

/** The live mandate of the caller for an account, if there is one; of another resident for staff who may read bills. */
export async function findDebitOf(ctx: Ctx, accountId: string, personId = ctx.actor.id): Promise<store.MandateRow | undefined> {
  const isOwn = ctx.actor.kind === 'resident' && ctx.actor.id === personId
  if (!isOwn && !(ctx.actor.kind === 'staff' && permit(ctx, 'billing.bill.read').ok)) return undefined
  return ctx.kernel.db.read(ctx.tenantId, tx => store.findLive(tx, ctx.tenantId, `resident:${personId}`, accountId))
}
