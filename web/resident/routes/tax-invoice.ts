import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from '#kernel/http/server.ts'
import { newCode } from '#kernel/id.ts'
import { askTaxInvoices, billingErrors, type TaxInvoicesView, viewTaxInvoices } from '#modules/billing/index.ts'
import type { FieldError } from '#web/ui/forms.tsx'
import { hasMessage, t } from '#web/ui/messages.ts'
import type { Visit } from '#web/visit.ts'
import { type TaxInvoiceLine, taxInvoicePage } from '../tax-invoice.tsx'
import type { Pages } from './pages.ts'
import { billerName, partLabel, serviceName, textsOf } from './views.ts'

const codeOf = (request: FastifyRequest): string => (request.params as { code: string }).code

const lineOf = (visit: Visit, { receipt, invoice }: TaxInvoicesView['bills'][number]): TaxInvoiceLine => ({
  service: serviceName(visit.ctx.lang, receipt.biller),
  periodLabel: partLabel(visit.ctx.lang, receipt.bill),
  biller: billerName(visit.ctx.lang, receipt.biller),
  amountFen: receipt.amountFen,
  ...(invoice && {
    ...{ state: invoice.state, askedAt: invoice.askedAt },
    ...(invoice.number && { number: invoice.number }),
    ...(invoice.href && { href: invoice.href }),
    ...(invoice.failure && { reason: invoice.failure, isBack: invoice.failure === 'given_back' }),
  }),
})

/** Invoices of a payment, asked for at its billers. */
export function addTaxInvoiceRoutes(server: Server, pages: Pages): void {
  async function show(
    visit: Visit,
    reply: FastifyReply,
    code: string,
    typed?: { values: Record<string, string>; errors: FieldError[] },
  ): Promise<FastifyReply> {
    const seen = await viewTaxInvoices(visit.ctx, code, visit.payers)
    if (!seen.ok) return pages.error(visit, reply, seen.error)
    const { order, bills, canAsk } = seen.value
    const view = {
      lines: bills.map(one => lineOf(visit, one)),
      backHref: `/o/${code}`,
      ...(order.refundedFen + order.reservedFen > 0 && { isBack: true }),
      ...(canAsk && { form: { action: `/o/${code}/tax-invoice`, idempotencyKey: newCode(visit.ctx.kernel.random), ...typed } }),
    }
    return pages.html(reply, taxInvoicePage(visit.page, view), typed ? 422 : 200)
  }
  server.get('/o/:code/tax-invoice', { schema: { hide: true } }, async (request, reply) =>
    show(await pages.visit(request, reply), reply, codeOf(request)),
  )
  pages.form(server, '/o/:code/tax-invoice', { per_minute: 10 }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const values = textsOf(request.body)
    const code = codeOf(request)
    const asked = await askTaxInvoices(visit.ctx, {
      ...{ orderCode: code, payers: visit.payers, buyer: values },
      idempotencyKey: values.idempotency_key,
    })
    const { field = '' } = asked.ok ? {} : asked.error
    const key = `invoice.error_${field}`
    if (!asked.ok && asked.error.code === billingErrors.tax_invoice_buyer.code && hasMessage(key))
      return show(visit, reply, code, { values, errors: [{ field, text: t(visit.ctx.lang)(key) }] })
    if (!asked.ok && asked.error.code !== billingErrors.tax_invoice_not_given.code) return pages.error(visit, reply, asked.error)
    return reply.redirect(`/o/${code}/tax-invoice`, 303)
  })
}
