import type { FastifyReply } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import { dayOf } from '#kernel/time.ts'
import { isPhotoInstalled, listBillers, listOpenBills, listTariffs, mapRescues } from '#modules/billing/index.ts'
import { listOrdersOf, ORDERS_PAGE, orderStateOf } from '#modules/payments/index.ts'
import { productsOnMine } from '#web/products/routes.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import type { Visit } from '#web/visit.ts'
import { accountNumberPage, chooseBillerPage } from '../find-account.tsx'
import { homePage } from '../home.tsx'
import { minePage, paymentsPage } from '../mine.tsx'
import { notOpenPage } from '../not-open.tsx'
import { paths } from '../paths.ts'
import { pricesPage } from '../prices.tsx'
import { accessibilityPage, helpPage, prefsPage } from '../texts.tsx'
import { billers, billRow, type Limit, LOOKUPS, listKept, lookUp, lookUpLimit, showBills } from './accounts.ts'
import { addDueRoutes } from './dues.ts'
import { addHouseholdRoutes } from './households.ts'
import { addMessageRoutes } from './messages.ts'
import type { Pages } from './pages.ts'
import { addPastRoutes } from './past.ts'
import { addPhotoRoutes } from './photo.ts'
import { addReadingRoutes } from './readings.ts'
import { tariffView } from './tariffs.ts'
import { billerName, maskedAccount, partLabel, serviceName, textsOf } from './views.ts'

const hidden = { schema: { hide: true } }

async function showAccountNumber(
  pages: Pages,
  visit: Visit,
  reply: FastifyReply,
  billerId: string,
  value?: string,
  errors?: FieldError[],
): Promise<FastifyReply> {
  const biller = (await listBillers(visit.ctx)).find(b => b.id === billerId)
  if (!biller) return reply.redirect(paths.pay, 303)
  const { length, example } = biller.config.account
  return pages.html(
    reply,
    accountNumberPage(visit.page, {
      billerId,
      service: serviceName(visit.ctx.lang, biller),
      biller: billerName(visit.ctx.lang, biller),
      digits: String(length),
      example,
      action: paths.payAccount,
      hasLetters: /[A-Z]/.test(example),
      ...(value !== undefined && { value }),
      ...(errors && { errors }),
    }),
    errors ? 422 : 200,
  )
}

/** Without the models there is no door to them. */
const photoHref = () => (isPhotoInstalled() ? { photoHref: paths.photo } : {})

function addFinding(server: Server, pages: Pages, limit: Limit): void {
  server.get(paths.pay, hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const known = new Map((await billers(visit)).map(b => [b.id, b]))
    const mine = (await listKept(visit)).map(k => ({
      href: `/mine/households/${k.id}/bills`,
      service: known.get(k.billerId)!.service,
      accountMasked: maskedAccount(k.accountNo),
      ...(k.nickname && { nickname: k.nickname }),
    }))
    return pages.html(reply, chooseBillerPage(visit.page, { billers: [...known.values()], mine, ...photoHref() }))
  })
  server.get(paths.payAccount, hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { biller } = textsOf(request.query)
    if (biller) return showAccountNumber(pages, visit, reply, biller)
    return pages.html(
      reply,
      chooseBillerPage(visit.page, {
        billers: await billers(visit),
        mine: [],
        ...photoHref(),
        errors: [fieldError(visit.ctx.lang, 'billerMissing')],
      }),
      422,
    )
  })
  server.post(paths.payAccount, { ...hidden, config: { rateLimit: LOOKUPS } }, async (request, reply) =>
    pages.guarded(request, reply, async () => {
      const visit = await pages.visit(request, reply)
      const { biller = '', account = '' } = textsOf(request.body)
      const tooMany = await limit(visit, request, reply)
      if (tooMany) return tooMany
      const found = await lookUp(visit, biller, account)
      if (found.open.length === 1) return reply.redirect(`/b/${found.open[0]!.bill.code}`, 303)
      if (found.account && found.open.length > 1) return showBills(pages, visit, reply, found.account)
      if (!found.error) return reply.redirect(paths.pay, 303)
      return showAccountNumber(pages, visit, reply, biller, account.slice(0, 40), [found.error])
    }),
  )
}

const showMine = async (pages: Pages, visit: Visit, reply: FastifyReply): Promise<FastifyReply> => {
  const products = await productsOnMine(visit)
  return pages.html(reply, minePage(visit.page, products ? { products } : {}))
}

function addMine(server: Server, pages: Pages): void {
  server.get(paths.mine, hidden, async (request, reply) => showMine(pages, await pages.visit(request, reply), reply))
  server.get(paths.payments, hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const page = Math.min(Math.max(Number.parseInt(textsOf(request.query).page ?? '1', 10) || 1, 1), 500)
    const { orders: shown, total } = await listOrdersOf(visit.ctx, visit.payers, page)
    const pageCount = Math.max(1, Math.ceil(total / ORDERS_PAGE))
    const rescues = await mapRescues(
      visit.ctx,
      shown.map(order => order.id),
    )
    const payments = await Promise.all(
      shown.map(async order => {
        const rescue = rescues.get(order.id)
        const found = await pages.findBillOfOrder(visit, order.id)
        const state = orderStateOf(order.state)
        return {
          href: `/o/${order.code}`,
          service: found ? serviceName(visit.ctx.lang, found.biller) : order.title,
          periodLabel: found ? partLabel(visit.ctx.lang, found.bill) : '',
          amountFen: order.amountFen,
          at: order.paidAt ?? order.createdAt,
          state:
            state === 'closed'
              ? ('closed' as const)
              : state === 'open'
                ? ('confirming' as const)
                : order.refundedFen >= order.paidFen
                  ? ('refunded' as const)
                  : order.reservedFen + order.refundedFen >= order.paidFen || rescue?.state === 'returned'
                    ? ('refunding' as const)
                    : rescue
                      ? (`rescue_${rescue.state}` as const)
                      : ('paid' as const),
          ...(rescue?.answer && { answer: rescue.answer }),
        }
      }),
    )
    return pages.html(
      reply,
      paymentsPage(visit.page, {
        payments,
        ...(total > 0 && { yearHref: `${paths.payments}/${dayOf(visit.ctx.kernel.clock.now()).slice(0, 4)}` }),
        pager: {
          page,
          pages: pageCount,
          ...(page > 1 && { prevHref: `${paths.payments}?page=${page - 1}` }),
          ...(page < pageCount && { nextHref: `${paths.payments}?page=${page + 1}` }),
        },
      }),
    )
  })
}

function addTexts(server: Server, pages: Pages): void {
  server.get(paths.prices, hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const tariffs = await listTariffs(visit.ctx)
    const services = (await listBillers(visit.ctx)).flatMap(biller => {
      const [current, ...earlier] = tariffs
        .filter(row => row.billerId === biller.id)
        .map(row => tariffView(visit.ctx.lang, biller.unit, row))
      return current ? [{ service: serviceName(visit.ctx.lang, biller), biller: billerName(visit.ctx.lang, biller), current, earlier }] : []
    })
    return pages.html(reply, pricesPage(visit.page, { services }))
  })
  server.get(paths.help, hidden, async (request, reply) => pages.html(reply, helpPage((await pages.visit(request, reply)).page)))
  server.get(paths.accessibility, hidden, async (request, reply) =>
    pages.html(reply, accessibilityPage((await pages.visit(request, reply)).page)),
  )
  server.get(paths.prefs, hidden, async (request, reply) =>
    pages.html(reply, prefsPage((await pages.visit(request, reply)).page, { back: pages.localPath(textsOf(request.query).back) })),
  )
  pages.form(server, paths.prefs, {}, async (request, reply) => {
    const { elder, lang, back } = textsOf(request.body)
    const keep = { path: '/', sameSite: 'lax' as const, maxAge: 365 * 86_400 }
    if (elder)
      void (['large', 'elder', 'max'].includes(elder)
        ? reply.setCookie('yimen_elder', elder, keep)
        : reply.clearCookie('yimen_elder', keep))
    if (lang === 'en' || lang === 'zh-CN') void reply.setCookie('yimen_lang', lang, keep)
    return reply.redirect(pages.localPath(back), 303)
  })
  const hall = pages.options.hall
  server.get(paths.home, hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const bindings = await listKept(visit)
    const due = (
      await listOpenBills(
        visit.ctx,
        bindings.map(k => k.id),
      )
    ).sort((a, b) => (a.bill.dueOn < b.bill.dueOn ? -1 : 1))[0]
    const row = due && billRow(visit, due)
    const at = hall(visit.ctx.lang, visit.ctx.kernel.clock.now())
    return pages.html(
      reply,
      homePage(visit.page, {
        hall: at,
        notOpen: ['services', 'queue', 'report'],
        ...(row && {
          due: {
            ...row,
            service: serviceName(visit.ctx.lang, due.biller),
            account:
              bindings.find(k => k.id === due.bill.accountId)?.nickname ??
              t(visit.ctx.lang)('home.due_account', { account: maskedAccount(due.bill.accountNo) }),
          },
        }),
      }),
    )
  })
  for (const door of ['services', 'queue', 'report'] as const) {
    server.get(paths[door], hidden, async (request, reply) => {
      const visit = await pages.visit(request, reply)
      const at = hall(visit.ctx.lang, visit.ctx.kernel.clock.now())
      return pages.html(
        reply,
        notOpenPage(visit.page, { door, place: at.name, windows: [{ name: at.name, hours: at.hours, address: at.address }] }),
      )
    })
  }
}

export function addOtherRoutes(server: Server, pages: Pages): void {
  const limit = lookUpLimit(server, pages)
  addFinding(server, pages, limit)
  addMine(server, pages)
  addHouseholdRoutes(server, pages, limit)
  addDueRoutes(server, pages)
  addMessageRoutes(server, pages)
  addReadingRoutes(server, pages)
  addPastRoutes(server, pages)
  addPhotoRoutes(server, pages, limit)
  addTexts(server, pages)
}
