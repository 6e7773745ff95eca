import { type Ctx, permit } from '#kernel/context.ts'
import type { Server } from '#kernel/http/server.ts'
import { periodLabel } from '#kernel/labels.ts'
import { dueFen, findDebitOf, listBillers, listBindings, listOpenBills } from '#modules/billing/index.ts'
import { getPerson } from '#modules/identity/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { maskedAccount, serviceName } from '#web/resident/routes/views.ts'
import { t } from '#web/ui/messages.ts'
import { isDesk, openDesk } from './desk.ts'
import { billState, listOrdersOfResident } from './find.ts'
import { type ResidentView, residentPage } from './resident.tsx'

/** The accounts a resident keeps and what is open on them, for who may read bills. */
async function cardOf(ctx: Ctx, personId: string): Promise<Pick<ResidentView, 'dues' | 'accounts'>> {
  if (!permit(ctx, 'billing.bill.read').ok) return {}
  const kept = await listBindings(ctx, [`resident:${personId}`])
  const services = new Map((await listBillers(ctx)).map(b => [b.id, serviceName(ctx.lang, b)]))
  const nameOf = (k: (typeof kept)[number]) => `${services.get(k.billerId) ?? ''} ${maskedAccount(k.accountNo)}`
  const names = new Map(kept.map(k => [k.id, nameOf(k)]))
  const open = await listOpenBills(ctx, [...names.keys()])
  const accounts = await Promise.all(
    kept.map(async k => ({
      name: nameOf(k),
      text: t(ctx.lang)((await findDebitOf(ctx, k.id, personId)) ? 'card.debited' : k.relation === 'helper' ? 'card.helper' : 'card.own'),
    })),
  )
  return {
    accounts,
    dues: open.map(state => ({
      href: `/staff/bills/${state.bill.id}`,
      account: names.get(state.bill.accountId) ?? '',
      period: periodLabel(ctx.lang, state.bill.periodFrom, state.bill.periodTo),
      dueOn: state.bill.dueOn,
      amountFen: dueFen(state),
      state: billState(ctx.lang, state),
    })),
  }
}

/** One resident at the desk; that they were looked at stands in their own list of readings. */
export function addResidentRoutes(server: Server, pages: Pages): void {
  const { enter, deny } = openDesk(pages)
  server.get('/staff/residents/:id', { schema: { hide: true } }, async (request, reply) => {
    const desk = await enter(request, reply)
    if (!isDesk(desk)) return desk
    const { ctx } = desk
    const found = await getPerson(ctx, (request.params as { id: string }).id)
    if (!found.ok) return deny(desk, reply, found.error, 'GET /staff/residents/:id')
    const { id, nameMasked, phoneMasked, households } = found.value
    return pages.html(
      reply,
      residentPage(desk.page, {
        name: nameMasked ?? t(ctx.lang)('staff.no_name'),
        phone: phoneMasked ?? '',
        addresses: households.map(h => h.addressMasked),
        ...(await cardOf(ctx, id)),
        orders: permit(ctx, 'payments.order.read').ok ? await listOrdersOfResident(ctx, id) : [],
      }),
    )
  })
}
