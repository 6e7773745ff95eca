import { publicUrl } from '#kernel/config.ts'
import type { Server } from '#kernel/http/server.ts'
import { listBillers, listPrintBills } from '#modules/billing/index.ts'
import { DEMO_BILLS, printBillsPage } from '../print-bills.tsx'
import type { Pages } from './pages.ts'
import { billerName, namesOf, serviceName } from './views.ts'

/** Three sheets of one biller, or one sheet and a half of all. */
const BILLS_OF_ONE = 24
const BILLS_OF_EACH = 2

/** Paper bills of the demonstration town, to print or to scan from the screen. */
export function addDemoRoutes(server: Server, pages: Pages): void {
  server.get(DEMO_BILLS, { schema: { hide: true } }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { lang, kernel } = visit.ctx
    const billers = await listBillers(visit.ctx)
    const wanted = (request.query as { biller?: unknown }).biller
    const chosen = billers.filter(biller => biller.id === wanted)
    const shown = chosen.length > 0 ? chosen : billers
    const base = publicUrl(kernel.config)
    const bills = await Promise.all(
      shown.map(async biller =>
        (await listPrintBills(visit.ctx, biller.id, chosen.length > 0 ? BILLS_OF_ONE : BILLS_OF_EACH)).map(bill => ({
          href: `${base}/b/${bill.code}`,
          service: serviceName(lang, biller),
          biller: billerName(lang, biller),
          accountNo: bill.accountNo,
          who: namesOf(lang, bill).join(' '),
          amountFen: bill.amountFen,
          dueOn: bill.dueOn,
        })),
      ),
    )
    const choices = billers.map(biller => ({
      href: `${DEMO_BILLS}?biller=${biller.id}`,
      service: serviceName(lang, biller),
      isChosen: chosen.includes(biller),
    }))
    return pages.html(reply, printBillsPage(visit.page, { choices, bills: bills.flat() }))
  })
}
