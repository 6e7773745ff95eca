import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { dayLabel, periodLabel } from '#kernel/labels.ts'
import { formatYuan } from '#kernel/money.ts'
import { addDays, addMs, dayOf, daysBetween } from '#kernel/time.ts'
import { type SendInput, send } from '#modules/notify/index.ts'
import { getOrder } from '#modules/payments/index.ts'
import { subscribe, type TrailEntry } from '#modules/trail/index.ts'
import { dueFen } from '../dues.ts'
import { isTold, type Reminder, reminderOf } from '../model.ts'
import * as store from '../store/reminders.ts'
import * as bills from '../store.ts'
import { type BillState, examine, isHeldBack } from './bills.ts'

const PAGE = 500
/** Bills are looked at from so long ago that the last step about them is within. */
const LOOK_BACK_DAYS = 45
const LOOK_AHEAD_DAYS = 3
const NEW_DAYS = 5
const NOBODY = '00000000-0000-0000-0000-000000000000'
const DAY_MS = 86_400_000

const personOf = (payer: string): string | undefined => /^resident:([0-9a-f-]{36})$/.exec(payer)?.[1]
const yuan = (fen: number): string => formatYuan(fen).replaceAll(',', '')

function wordsOf(row: store.RemindRow, state: BillState, { kind }: Reminder, today: string): Pick<SendInput, 'template' | 'params'> {
  const { biller } = state
  const amount = yuan(dueFen(state))
  const service = { service: biller.serviceZh, service_en: biller.serviceEn }
  if (kind === 'bill_overdue') {
    const params = { ...service, amount, days: daysBetween(row.dueOn, today) }
    if (state.lateFeeFen === 0) return { template: 'bill_overdue_no_fee', params }
    return { template: kind, params: { ...params, late_fee: yuan(state.lateFeeFen) } }
  }
  if (kind === 'bill_due_soon') return { template: kind, params: { ...service, amount, days: Math.max(0, daysBetween(today, row.dueOn)) } }
  const period = {
    period: periodLabel('zh-CN', row.periodFrom, row.periodTo),
    period_en: periodLabel('en', row.periodFrom, row.periodTo),
  }
  const due = { due_on: dayLabel('zh-CN', row.dueOn), due_on_en: dayLabel('en', row.dueOn) }
  return { template: kind, params: { ...service, ...period, ...due, amount, account_tail: row.accountNo.slice(-4) } }
}

/**
 * Reminds residents of open bills of the accounts they keep: once that a bill is there, once before it is due, and three times
 * after. What is paid or being paid is not spoken of. Running it again says nothing twice. Answers how many bills were spoken of.
 */
export async function issueReminders(kernel: Kernel, tenantId: number): Promise<number> {
  const ctx = systemCtx(kernel, tenantId, 'billing.reminders')
  const now = kernel.clock.now()
  const today = dayOf(now)
  const span = {
    issuedSince: addMs(now, -NEW_DAYS * DAY_MS),
    dueFrom: addDays(today, -LOOK_BACK_DAYS),
    dueTo: addDays(today, LOOK_AHEAD_DAYS),
  }
  let spoken = 0
  for (let after: readonly [string, string] = ['', NOBODY]; ; ) {
    const rows = await kernel.db.read(tenantId, tx => store.listRemindable(tx, tenantId, { ...span, after, limit: PAGE }))
    spoken += await kernel.db.tx(tenantId, tx => remind(tx, ctx, rows, today))
    const last = rows.at(-1)
    if (rows.length < PAGE || !last) return spoken
    after = [last.payer, last.billId]
  }
}

async function remind(tx: Tx, ctx: Ctx, rows: readonly store.RemindRow[], today: string): Promise<number> {
  const ids = [...new Set(rows.map(row => row.billId))]
  const states = new Map((await examine(tx, ctx, ids, [])).map(state => [state.bill.id, state]))
  let spoken = 0
  for (const row of rows) {
    const personId = personOf(row.payer)
    const reminder = reminderOf({ issuedOn: dayOf(row.issuedAt), dueOn: row.dueOn }, today)
    const state = states.get(row.billId)
    if (!personId || !reminder || !state || state.claim || isHeldBack(state)) continue
    const words = wordsOf(row, state, reminder, today)
    await send(tx, ctx, {
      to: { personId },
      topic: 'bills',
      dedupeKey: `${reminder.kind}:${reminder.step}:${row.billId}:${personId}`,
      ...words,
    })
    spoken++
  }
  return spoken
}

/** News older than this is not told any more: it was there before somebody listened. */
const NEWS_MS_MAX = DAY_MS

/** What an order pays, in English: its first bill, and how many more there are. */
async function englishTitle(ctx: Ctx, lines: readonly { readonly subjectKind: string; readonly subjectId: string }[]): Promise<string> {
  const ids = lines.filter(isTold).map(line => line.subjectId)
  return ctx.kernel.db.read(ctx.tenantId, async tx => {
    const [first] = await bills.listBillsById(tx, ctx.tenantId, ids.slice(0, 1))
    const biller = first && (await bills.findBiller(tx, ctx.tenantId, first.billerId))
    if (!first || !biller) return 'a bill'
    return `${biller.serviceEn} ${first.product?.nameEn ?? periodLabel('en', first.periodFrom, first.periodTo)}${ids.length > 1 ? ` and ${ids.length - 1} more` : ''}`
  })
}

async function newsOf(
  ctx: Ctx,
  entry: TrailEntry,
): Promise<(Pick<SendInput, 'template' | 'params' | 'urgent'> & { payer: string }) | undefined> {
  const order = await getOrder(ctx, entry.subject.id)
  if (!order.ok) return undefined
  const { payer, title, code, lines } = order.value
  const service = { service: title, service_en: await englishTitle(ctx, lines) }
  const amount = yuan(Number(entry.body.amount_fen))
  switch (entry.type) {
    case 'billing.receipt_issued':
      return { payer, template: 'bill_paid', params: { ...service, amount, receipt_no: String(entry.body.receipt_no) } }
    case 'payments.refund_succeeded':
      return { payer, template: 'refund_done', params: { amount, order_no: code }, urgent: true }
    default:
      return entry.body.reason === 'duplicate_pay'
        ? { payer, template: 'payment_duplicate', params: { ...service, amount }, urgent: true }
        : undefined
  }
}

/** Tells a signed-in payer what became of the money: paid, paid twice, given back. */
export function registerNews(): void {
  subscribe({
    name: 'billing.tell_payers',
    types: ['billing.receipt_issued', 'payments.refund_succeeded', 'payments.payment_suspended'],
    async handle({ tx, ctx, entry }) {
      if (ctx.kernel.clock.now().getTime() - entry.at.getTime() > NEWS_MS_MAX) return
      const news = await newsOf(ctx, entry)
      const personId = news && personOf(news.payer)
      if (!news || !personId) return
      const { template, params, urgent = false } = news
      await send(tx, ctx, { to: { personId }, topic: 'payments', template, params, urgent, dedupeKey: `news:${entry.id}` })
    },
  })
}
