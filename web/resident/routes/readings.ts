import type { Server } from '#kernel/http/server.ts'
import { billingEvents } from '#modules/billing/index.ts'
import { identityEvents, listReaders, listReadings } from '#modules/identity/index.ts'
import { listOrdersOf, ORDERS_PAGE } from '#modules/payments/index.ts'
import { listAbout, type TrailEntry } from '#modules/trail/index.ts'
import { yuan } from '#web/ui/format.ts'
import type { Visit } from '#web/visit.ts'
import { paths } from '../paths.ts'
import { type ReadingKind, type ReadingsView, readingsPage } from '../readings.tsx'
import type { Pages } from './pages.ts'
import { partLabel, serviceName } from './views.ts'

const ORDER_PAGES_MAX = 10
const SHOWN_MAX = 100

async function listOwnOrders(visit: Visit) {
  const orders = []
  for (let page = 1; page <= ORDER_PAGES_MAX; page++) {
    const found = await listOrdersOf(visit.ctx, visit.payers, page)
    orders.push(...found.orders)
    if (found.total <= page * ORDERS_PAGE) break
  }
  return new Map(orders.map(order => [order.id, order]))
}

const textIn = (entry: TrailEntry, field: string): string | undefined => {
  const value = entry.body[field]
  return typeof value === 'string' && value !== '' ? value : undefined
}

const BY = new Set(['phone', 'id_number', 'id', 'name', 'address'])

/** The bill an order pays, in the words of the visitor. */
async function orderText(pages: Pages, visit: Visit, order: { id: string; title: string; amountFen: number }): Promise<string> {
  const { lang } = visit.ctx
  const found = await pages.findBillOfOrder(visit, order.id)
  const name = found ? `${serviceName(lang, found.biller)} ${partLabel(lang, found.bill)}` : order.title
  return `${name} ¥${yuan(order.amountFen)}`
}

async function readingsOf(pages: Pages, visit: Visit): Promise<ReadingsView['readings']> {
  const { ctx } = visit
  const orders = await listOwnOrders(visit)
  const { type, subject } = billingEvents.orderRead
  const about = { types: [type], subjectKind: subject, subjectIds: [...orders.keys()] }
  const person = visit.resident && (await listReadings(ctx, visit.resident.id))
  const entries = [...(await listAbout(ctx.kernel.db, ctx.tenantId, about)), ...(person?.ok ? person.value : [])]
    .filter(entry => entry.actor.kind === 'staff')
    .sort((a, b) => b.index - a.index)
    .slice(0, SHOWN_MAX)
  const readers = await listReaders(
    ctx,
    entries.map(entry => entry.actor.id),
  )
  const texts = new Map<string, string>()
  for (const { subject: read } of entries) {
    const order = read.kind === subject && !texts.has(read.id) ? orders.get(read.id) : undefined
    if (order) texts.set(read.id, await orderText(pages, visit, order))
  }
  return entries.map(entry => {
    const reader = readers.ok ? readers.value.get(entry.actor.id) : undefined
    const order = entry.subject.kind === subject ? orders.get(entry.subject.id) : undefined
    const [by, why] = [textIn(entry, 'by'), textIn(entry, 'why')]
    return {
      id: entry.id,
      at: entry.at,
      kind: order ? 'order' : entry.type === identityEvents.personUnmasked.type ? (textIn(entry, 'field') as ReadingKind) : 'person',
      ...(reader && { reader }),
      ...(by && BY.has(by) && { by: by as 'phone' }),
      ...(why && { why }),
      ...(order && { order: { href: `/o/${order.code}`, text: texts.get(order.id)! } }),
    }
  })
}

/** Who looked at my data: one's own only, out of the record nobody can change. */
export function addReadingRoutes(server: Server, pages: Pages): void {
  server.get(paths.readings, { schema: { hide: true } }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    return pages.html(reply, readingsPage(visit.page, { readings: await readingsOf(pages, visit) }))
  })
}
