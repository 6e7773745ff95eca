import { type Ctx, type Lang, permit } from '#kernel/context.ts'
import { periodLabel } from '#kernel/labels.ts'
import { type BillState, findBillOfOrder, findOrderOfReceipt, type Rescue, SEARCHED_MAX, searchBills } from '#modules/billing/index.ts'
import { findPerson, listPeople, type Person, readPhone } from '#modules/identity/index.ts'
import {
  findOrderByCode,
  findOrderById,
  findOrderOfAttempt,
  findOrderOfTransaction,
  listDeskOrders,
  listOrdersOf,
  type OrderView as Order,
  orderStateOf,
  readOutTradeNo,
} from '#modules/payments/index.ts'
import { findMoneyBack, findPartBack } from '#web/resident/routes/money-back.ts'
import { partLabel, serviceName } from '#web/resident/routes/views.ts'
import { t } from '#web/ui/messages.ts'
import type { Tone } from '#web/ui/parts.tsx'
import type { ResultRow } from './search.tsx'

const BACK = { biller: 'refunding', channel: 'refunding', stuck: 'refund_stuck', done: 'refunded' } as const
const TONES = {
  odd: 'bad',
  refunding: 'warn',
  refund_stuck: 'bad',
  refunded: undefined,
  open: 'now',
  paid: 'ok',
  part: 'ok',
  closed: undefined,
} as const

/** How an order stands in one word: money on its way back says more than that it was paid. */
export function stateOf(lang: Lang, order: Order, rescue?: Rescue): { text: string; tone?: Tone } {
  const back = findMoneyBack(order, rescue)
  const state =
    order.mismatch && orderStateOf(order.state) === 'open'
      ? 'odd'
      : back
        ? BACK[back.stage]
        : findPartBack(order)
          ? 'part'
          : orderStateOf(order.state)
  const tone = TONES[state]
  return { text: t(lang)(`staff.state_${state}`), ...(tone && { tone }) }
}

/** What an order pays, in the language of the page: its first bill, and how many more there are. */
export async function orderText(ctx: Ctx, order: Order): Promise<string> {
  const found = await findBillOfOrder(ctx, order.id)
  if (!found) return order.title
  const more = order.lines.filter(line => line.subjectKind === 'bill').length - 1
  const text = `${serviceName(ctx.lang, found.biller)} ${partLabel(ctx.lang, found.bill)}`
  return more > 0 ? `${text} +${more}` : text
}

const orderRow = async (ctx: Ctx, order: Order): Promise<ResultRow> => ({
  href: `/staff/orders/${order.id}`,
  kind: 'order',
  no: order.code,
  text: await orderText(ctx, order),
  state: stateOf(ctx.lang, order),
  amountFen: order.amountFen,
  at: order.createdAt,
})

const personRow = (ctx: Ctx, person: Person): ResultRow => ({
  href: `/staff/residents/${person.id}`,
  kind: 'resident',
  no: person.nameMasked ?? t(ctx.lang)('staff.no_name'),
  text: person.phoneMasked ?? '',
})

/** The order behind any number people hold: of a receipt, of the order, of us or the channel. */
async function findOrder(ctx: Ctx, query: string): Promise<Order | undefined> {
  const receipt = /^YM-?(\d{8})-?(\d{6,})$/i.exec(query)
  if (receipt) {
    const id = await findOrderOfReceipt(ctx, `YM-${receipt[1]}-${receipt[2]}`)
    return id ? findOrderById(ctx, id) : undefined
  }
  const attempt = readOutTradeNo(query.toLowerCase())
  if (attempt) return attempt.tenantId === ctx.tenantId ? findOrderOfAttempt(ctx, attempt.attemptId) : undefined
  return (await findOrderByCode(ctx, query.toLowerCase())) ?? findOrderOfTransaction(ctx, query)
}

/** Orders a resident paid while signed in, newest first. */
export async function listOrdersOfResident(ctx: Ctx, personId: string): Promise<ResultRow[]> {
  const { orders } = await listOrdersOf(ctx, [`resident:${personId}`], 1)
  const views = await Promise.all(orders.map(order => findOrderById(ctx, order.id)))
  return Promise.all(views.flatMap(order => (order ? [orderRow(ctx, order)] : [])))
}

const DESK_ORDERS = 10

/** What the first page of the desk shows: orders that wait for a person, and the newest. */
export async function listFirstPage(ctx: Ctx): Promise<{ stuck: ResultRow[]; newest: ResultRow[] } | undefined> {
  if (!permit(ctx, 'payments.order.read').ok) return undefined
  const { stuck, newest } = await listDeskOrders(ctx, DESK_ORDERS)
  const rows = (orders: readonly Order[]) => Promise.all(orders.map(order => orderRow(ctx, order)))
  return { stuck: await rows(stuck), newest: await rows(newest) }
}

/** Residents by telephone, whole name or whole address: each one shown leaves an entry they can see. */
async function findResidents(ctx: Ctx, query: string): Promise<{ people: Person[]; hasMore: boolean }> {
  const nobody = { people: [], hasMore: false }
  if (!permit(ctx, 'identity.person.read').ok) return nobody
  const phone = readPhone(query)
  if (phone) {
    const found = await findPerson(ctx, { phone })
    return found.ok ? { people: [found.value], hasMore: false } : nobody
  }
  if (!/\p{L}{2}/u.test(query)) return nobody
  for (const input of [{ name: query }, { address: query }]) {
    const found = await listPeople(ctx, input)
    if (found.ok && found.value.people.length > 0) return found.value
  }
  return nobody
}

/** How a bill stands in one word. */
export function billState(
  lang: Lang,
  { bill, claim }: Pick<BillState, 'bill'> & { claim?: BillState['claim'] | undefined },
): { text: string; tone?: Tone } {
  if (bill.withdrawnAt) return { text: t(lang)('staff.state_withdrawn') }
  if (claim?.state === 'paid' || bill.isSettledBefore) return { text: t(lang)('staff.state_paid'), tone: 'ok' }
  return claim ? { text: t(lang)('staff.state_open'), tone: 'now' } : { text: t(lang)('staff.state_unpaid') }
}

/** What was found; `more` where there is more than is shown. */
export interface Found {
  readonly rows: ResultRow[]
  readonly more?: 'people' | 'bills'
}

const cleaned = (typed: string): string => typed.normalize('NFKC').trim()

/** Whatever a clerk is handed or told: numbers lead to orders and bills, people to residents and what they paid. */
export async function search(ctx: Ctx, typed: string): Promise<Found> {
  const query = cleaned(typed)
  const rows: ResultRow[] = []
  const residents = await findResidents(ctx, query)
  for (const person of residents.people) {
    rows.push(personRow(ctx, person))
    if (permit(ctx, 'payments.order.read').ok) rows.push(...(await listOrdersOfResident(ctx, person.id)))
  }
  const order = permit(ctx, 'payments.order.read').ok ? await findOrder(ctx, query) : undefined
  if (order) rows.push(await orderRow(ctx, order))
  const bills = permit(ctx, 'billing.bill.read').ok ? await searchBills(ctx, query) : []
  for (const { bill, biller, claim } of bills) {
    rows.push({
      href: claim ? `/staff/orders/${claim.orderId}` : `/staff/bills/${bill.id}`,
      kind: 'bill',
      no: bill.billNo,
      text: `${serviceName(ctx.lang, biller)} ${periodLabel(ctx.lang, bill.periodFrom, bill.periodTo)} ${bill.addressMask} ${bill.holderMask}`,
      state: billState(ctx.lang, { bill, claim }),
      amountFen: bill.amountFen,
    })
  }
  const more = residents.hasMore ? 'people' : bills.length === SEARCHED_MAX ? 'bills' : undefined
  return { rows, ...(more && { more }) }
}
