import type { Server } from '#kernel/http/server.ts'
import { createStreams } from '#kernel/http/streams.ts'
import { periodLabel } from '#kernel/labels.ts'
import { addMs, dayOf } from '#kernel/time.ts'
import { billingErrors, dueFen, findAccount, getBill, listBillers, listOpenBills } from '#modules/billing/index.ts'
import { kioskPayer, type VisitEnd } from '#modules/identity/index.ts'
import { orderStateOf } from '#modules/payments/index.ts'
import { callForHelp, findHelp, helpTopic } from '#modules/tasks/index.ts'
import type { Pages } from '#web/resident/routes/pages.ts'
import { billerName, maskedAccount, serviceName, textsOf } from '#web/resident/routes/views.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import { t } from '#web/ui/messages.ts'
import { type Kiosk, openKioskDoor } from './door.ts'
import { kioskPaths } from './paths.ts'
import { addKioskDeviceRoutes } from './routes-device.ts'
import { addKioskPayRoutes, nextOf } from './routes-pay.ts'
import { billerPage, billsPage, type NumberView, numberPage, START_NOTICES, scanPage, startPage } from './start.tsx'

/** A bill's address as its code holds it, or the code alone. */
const codeIn = (text: string): string | undefined => /(?:^|\/b\/)([0-9a-z]{20,40})(?:[/?#]|$)/.exec(text.trim())?.[1]

/** A machine that was cut off finds a payment again for so long; later its visitor is gone. */
const RESUME_MS_MAX = 180_000
const BILLS_SHOWN = 6
/** Numbers tried at one machine in an hour, by all who come there. */
const LOOKUPS_PER_MINUTE = 12

const ENDS: readonly VisitEnd[] = ['finished', 'restarted', 'idle']

/** Self-service payment: every address serves one machine of ours and the one visit it has. */
export function addKioskRoutes(server: Server, pages: Pages): void {
  const door = openKioskDoor(pages)
  addKioskDeviceRoutes(server, pages, door)
  addKioskPayRoutes(server, pages, door)
  const { kernel, tenantId } = pages.options

  /** Where a machine goes on after it was away. */
  async function resume(kiosk: Kiosk): Promise<string | undefined> {
    const order = await door.findOrder(kiosk)
    if (!order) return undefined
    const isGone = order.paidAt && addMs(order.paidAt, RESUME_MS_MAX) < kernel.clock.now()
    return isGone ? undefined : orderStateOf(order.state) === 'paid' ? kioskPaths.done : kioskPaths.pay
  }

  door.get(server, kioskPaths.start, async (kiosk, request, reply) => {
    const to = await resume(kiosk)
    if (to) return reply.redirect(to, 303)
    // Whoever comes here begins anew: what was looked at before is over.
    if (kioskPayer(kiosk.device)) await door.end(kiosk, reply, 'restarted')
    const notice = START_NOTICES.find(known => known === textsOf(request.query).notice)
    return pages.html(reply, startPage(kiosk.page, notice))
  })
  door.get(server, kioskPaths.resume, async (kiosk, _request, reply) =>
    reply.redirect((await resume(kiosk)) ?? (kiosk.held?.bill ? kioskPaths.check : kioskPaths.start), 303),
  )
  door.get(server, kioskPaths.scan, async (kiosk, _request, reply) => pages.html(reply, scanPage(kiosk.page)))
  door.form(server, kioskPaths.scan, async (kiosk, request, reply) => {
    const bill = codeIn(textsOf(request.body).code ?? '')
    const found = bill ? await getBill(kiosk.ctx, bill, []) : undefined
    if (!found?.ok) return reply.redirect(`${kioskPaths.start}?notice=unknown`, 303)
    await door.begin(kiosk, reply, { bill: found.value.bill.code })
    return reply.redirect(kioskPaths.check, 303)
  })
  addNumber(server, pages, door)

  door.form(server, kioskPaths.wipe, async (kiosk, request, reply) => {
    const why = ENDS.find(known => known === textsOf(request.body).why) ?? 'restarted'
    const ended = await door.end(kiosk, reply, why)
    const href = ended === 'paid' ? kioskPaths.done : kioskPaths.start
    return request.headers.accept === 'application/json' ? reply.send({ href }) : reply.redirect(href, 303)
  })
  door.form(server, kioskPaths.help, async (kiosk, request, reply) => {
    const { title, place } = kiosk.device
    await callForHelp(kiosk.ctx, { title: [title, place].filter(Boolean).join(' · ') })
    const back = pages.localPath(textsOf(request.body).back, kioskPaths.resume)
    return reply.redirect(back.startsWith(kioskPaths.start) ? back : kioskPaths.start, 303)
  })

  const streams = createStreams(server, kernel.live)
  door.get(server, kioskPaths.live, async (kiosk, request, reply) => {
    const { page = '' } = textsOf(request.query)
    const order = await door.findOrder(kiosk)
    const topics = [
      `device:${kiosk.device.id}`,
      helpTopic(tenantId),
      ...(order ? [`order:${order.id}`, ...order.attempts.map(attempt => `attempt:${attempt.id}`)] : []),
    ]
    const say = t(kiosk.ctx.lang)
    return streams.serve(reply, topics, async () => {
      const device = await door.findDevice(request)
      if (!device) return { data: { href: kioskPaths.start }, done: true }
      const href = page === 'pay' || page === 'unsure' ? nextOf(await door.findOrder(kiosk), page === 'unsure') : undefined
      const help = await findHelp(kiosk.ctx)
      const text = help?.by ? say('kiosk.help_taken', { name: help.by.nameMasked }) : say(help ? 'kiosk.help_called' : 'kiosk.help')
      return { data: { help: text, ...(href && { href }) }, ...(href && { done: true }) }
    })
  })
  // What is no address of a kiosk leads to none outside it.
  server.get(`${kioskPaths.start}/*`, { schema: { hide: true } }, async (_request, reply) => reply.redirect(kioskPaths.start, 303))
}

/** Without a code: the kind of bill, then its number on the pad. */
function addNumber(server: Server, pages: Pages, door: ReturnType<typeof openKioskDoor>): void {
  async function numberView(kiosk: Kiosk, billerId: string): Promise<NumberView | undefined> {
    const biller = (await listBillers(kiosk.ctx)).find(b => b.id === billerId)
    if (!biller) return undefined
    const { length, example } = biller.config.account
    const service = serviceName(kiosk.ctx.lang, biller)
    return { billerId, service, digits: length, example, hasLetters: /[A-Z]/.test(example) }
  }
  door.get(server, kioskPaths.number, async (kiosk, request, reply) => {
    const { biller = '' } = textsOf(request.query)
    const view = biller ? await numberView(kiosk, biller) : undefined
    if (view) return pages.html(reply, numberPage(kiosk.page, view))
    const { lang } = kiosk.ctx
    const billers = await listBillers(kiosk.ctx)
    return pages.html(
      reply,
      billerPage(
        kiosk.page,
        billers.map(b => ({ id: b.id, service: serviceName(lang, b), name: billerName(lang, b) })),
      ),
    )
  })
  door.form(
    server,
    kioskPaths.number,
    async (kiosk, request, reply) => {
      const { biller = '', account = '' } = textsOf(request.body)
      const view = await numberView(kiosk, biller)
      if (!view) return reply.redirect(kioskPaths.number, 303)
      const found = await findAccount(kiosk.ctx, biller, account)
      const open = found.ok ? await listOpenBills(kiosk.ctx, [found.value.id]) : []
      if (found.ok && open.length === 1) {
        await door.begin(kiosk, reply, { bill: open[0]!.bill.code })
        return reply.redirect(kioskPaths.check, 303)
      }
      if (found.ok && open.length > 1) {
        const { id, accountNo, billerId } = found.value
        await door.begin(kiosk, reply, { account: { id, accountNo, billerId } })
        return reply.redirect(kioskPaths.bills, 303)
      }
      // One answer for a number nobody has and for one with nothing to pay.
      const name =
        account.trim() === ''
          ? 'accountEmpty'
          : !found.ok && found.error.code === billingErrors.account_no_malformed.code
            ? 'accountFormat'
            : 'accountNothing'
      const errors = [fieldError(kiosk.ctx.lang, name, { digits: view.digits })]
      return pages.html(reply, numberPage(kiosk.page, { ...view, value: account.slice(0, 40), errors }), 422)
    },
    LOOKUPS_PER_MINUTE,
  )
  door.get(server, kioskPaths.bills, async (kiosk, _request, reply) => {
    const { account } = kiosk.held ?? {}
    const biller = account && (await listBillers(kiosk.ctx)).find(b => b.id === account.billerId)
    if (!account || !biller) return reply.redirect(kioskPaths.resume, 303)
    const open = await listOpenBills(kiosk.ctx, [account.id])
    const { lang } = kiosk.ctx
    const today = dayOf(kiosk.ctx.kernel.clock.now())
    return pages.html(
      reply,
      billsPage(kiosk.page, {
        service: serviceName(lang, biller),
        accountMasked: maskedAccount(account.accountNo),
        bills: open.slice(0, BILLS_SHOWN).map(state => ({
          code: state.bill.code,
          periodLabel: periodLabel(lang, state.bill.periodFrom, state.bill.periodTo),
          amountFen: dueFen(state),
          isOverdue: state.bill.dueOn < today,
        })),
        more: Math.max(0, open.length - BILLS_SHOWN),
      }),
    )
  })
  door.form(server, kioskPaths.choose, async (kiosk, request, reply) => {
    const { account } = kiosk.held ?? {}
    const chosen = textsOf(request.body).bill
    const open = account ? await listOpenBills(kiosk.ctx, [account.id]) : []
    const bill = open.find(state => state.bill.code === chosen)
    if (!bill) return reply.redirect(account ? kioskPaths.bills : kioskPaths.start, 303)
    door.keep(kiosk, request, reply, { bill: bill.bill.code })
    return reply.redirect(kioskPaths.check, 303)
  })
}
