import { csvOf } from '#kernel/csv.ts'
import type { Server } from '#kernel/http/server.ts'
import { formatYuan } from '#kernel/money.ts'
import { dayOf } from '#kernel/time.ts'
import { viewPaymentYear, type YearPayment } from '#modules/billing/index.ts'
import { t } from '#web/ui/messages.ts'
import type { Visit } from '#web/visit.ts'
import { paths } from '../paths.ts'
import { paymentYearPage } from '../payment-year.tsx'
import type { Pages } from './pages.ts'
import { billerName, partLabel, serviceName } from './views.ts'

const FIRST_YEAR = 2000

const whatOf = ({ ctx: { lang } }: Visit, { bills, title }: YearPayment): string =>
  bills
    .map(({ bill, biller }) => t(lang)('bill.heading', { service: serviceName(lang, biller), period: partLabel(lang, bill) }))
    .join(t(lang)('list.comma')) || title

/** The payments of a year on one page, and as a file. */
export function addPaymentYearRoutes(server: Server, pages: Pages): void {
  const hidden = { schema: { hide: true } } as const
  /** The year asked for, unless it is none or still to come. */
  const yearOf = (visit: Visit, text: string): { year: number; now: number } => {
    const now = Number(dayOf(visit.ctx.kernel.clock.now()).slice(0, 4))
    const year = /^\d{4}$/.test(text) ? Number(text) : now
    return { year: Math.min(Math.max(year, FIRST_YEAR), now), now }
  }
  const hrefOf = (year: number) => `${paths.payments}/${year}`

  server.get('/mine/payments/:year', hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { year, now } = yearOf(visit, (request.params as { year: string }).year)
    const seen = await viewPaymentYear(visit.ctx, visit.payers, year)
    const view = {
      ...{ year, paidFen: seen.paidFen, backFen: seen.backFen },
      payments: seen.payments.map(p => ({
        ...{ href: `/o/${p.code}`, day: dayOf(p.paidAt), what: whatOf(visit, p), paidFen: p.paidFen, backFen: p.backFen },
        receiptNo: p.bills.map(b => b.receiptNo).join(' '),
      })),
      beforeHref: hrefOf(Math.max(FIRST_YEAR, year - 1)),
      ...(year < now && { nextHref: hrefOf(year + 1) }),
      csvHref: `${hrefOf(year)}/payments.csv`,
    }
    return pages.html(reply, paymentYearPage(visit.page, view))
  })

  server.get('/mine/payments/:year/payments.csv', hidden, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { lang } = visit.ctx
    const say = t(lang)
    const { year } = yearOf(visit, (request.params as { year: string }).year)
    const { payments } = await viewPaymentYear(visit.ctx, visit.payers, year)
    const titles = ['year.day', 'year.what', 'year.biller', 'year.account', 'year.receipt', 'year.amount', 'year.back'] as const
    const rows = payments.map(p => [
      ...[dayOf(p.paidAt), whatOf(visit, p), p.bills.map(b => billerName(lang, b.biller)).join(' ')],
      ...[p.bills.map(b => `**** ${b.bill.accountNo.slice(-4)}`).join(' '), p.bills.map(b => b.receiptNo).join(' ')],
      ...[formatYuan(p.paidFen), p.backFen > 0 ? formatYuan(p.backFen) : ''],
    ])
    return reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', `attachment; filename="payments-${year}.csv"`)
      .header('cache-control', 'no-store')
      .send(csvOf([titles.map(key => say(key)), ...rows]))
  })
}
