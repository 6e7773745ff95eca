import { publicUrl } from '#kernel/config.ts'
import type { Server } from '#kernel/http/server.ts'
import { listBillers, listPrintBills } from '#modules/billing/index.ts'
import { printBillsPage } from '../print-bills.tsx'
import type { Pages } from './pages.ts'
import { billerName, serviceName } from './views.ts'

const BILLS = 24

/** Paper bills of the demonstration town, to print or to scan from the screen. */
export function addDemoRoutes(server: Server, pages: Pages): void {
  server.get('/demo/bills', { schema: { hide: true } }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const billers = new Map((await listBillers(visit.ctx)).map(b => [b.id, b]))
    const bills = await listPrintBills(visit.ctx, 'water', BILLS)
    const base = publicUrl(visit.ctx.kernel.config)
    return pages.html(
      reply,
      printBillsPage(visit.page, {
        bills: bills.map(bill => ({
          href: `${base}/b/${bill.code}`,
          service: serviceName(visit.ctx.lang, billers.get(bill.billerId)!),
          biller: billerName(visit.ctx.lang, billers.get(bill.billerId)!),
          accountNo: bill.accountNo,
          addressMasked: bill.addressMask,
          amountFen: bill.amountFen,
        })),
      }),
    )
  })
}
