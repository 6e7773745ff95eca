import type { FastifyReply, FastifyRequest } from 'fastify'
import { embedReceipt } from '#app/verify.ts'
import { publicUrl } from '#kernel/config.ts'
import type { Server } from '#kernel/http/server.ts'
import { findRescue, listReceipts, proveReceipt, type Receipt } from '#modules/billing/index.ts'
import { findOrderByCode, orderStateOf, paymentErrors } from '#modules/payments/index.ts'
import { receiptText } from '#modules/trail/index.ts'
import type { Visit } from '#web/visit.ts'
import { renderReceiptPdf } from '../receipt-pdf.ts'
import { receiptPrintPage } from '../receipt-print.tsx'
import { findMoneyBack, findPartBack, type MoneyBack } from './money-back.ts'
import type { Pages } from './pages.ts'
import { addVerifyRoutes } from './verify.ts'
import { receiptView, verifyCodeOf } from './views.ts'

interface Found {
  readonly visit: Visit
  readonly receipt: Receipt
  /** How far its money is on the way back, if it is. */
  readonly back: MoneyBack | undefined
}

async function findOne(pages: Pages, request: FastifyRequest, reply: FastifyReply): Promise<Found | FastifyReply> {
  const visit = await pages.visit(request, reply)
  const order = await findOrderByCode(visit.ctx, (request.params as { code: string }).code)
  const receipt = order && orderStateOf(order.state) === 'paid' ? (await listReceipts(visit.ctx, order))[0] : undefined
  if (!order || !receipt) return pages.error(visit, reply, paymentErrors.order_not_found)
  return { visit, receipt, back: findMoneyBack(order, await findRescue(visit.ctx, order.id)) ?? findPartBack(order) }
}

const isFound = (found: Found | FastifyReply): found is Found => 'receipt' in found

export const whereToVerify = (visit: Visit): string => `${publicUrl(visit.ctx.kernel.config).replace(/^https?:\/\//, '')}/verify`

async function print(pages: Pages, request: FastifyRequest, reply: FastifyReply, paper: '80mm' | 'a4'): Promise<FastifyReply> {
  const found = await findOne(pages, request, reply)
  if (!isFound(found)) return found
  return pages.html(reply, await printedReceipt(pages, found, paper, `/o/${(request.params as { code: string }).code}`))
}

/** A receipt laid out for paper. A copy handed out at the desk says that it is one. */
export async function printedReceipt(
  pages: Pages,
  { visit, receipt, back }: Found,
  paper: '80mm' | 'a4',
  backHref: string,
  isCopy = false,
): Promise<string> {
  const proof = await proveReceipt(visit.ctx, receipt.entryId)
  return receiptPrintPage(
    visit.page,
    {
      receipt: receiptView(visit.ctx, receipt, proof && pages.leafOf(proof), back),
      verifyCode: verifyCodeOf(receipt),
      verifyAt: whereToVerify(visit),
      printedAt: visit.ctx.kernel.clock.now(),
      backHref,
      isCopy,
    },
    paper,
  )
}

const PROOF_WAITS = 10
const PROOF_WAIT_MS = 300

/** The proof of a payment just made follows within a second; undefined when it is not there after three. */
async function proveSoon({ visit, receipt }: Found): Promise<Awaited<ReturnType<typeof proveReceipt>>> {
  for (let i = 0; ; i++) {
    const proof = await proveReceipt(visit.ctx, receipt.entryId)
    if (proof || i === PROOF_WAITS) return proof
    await new Promise(resolve => setTimeout(resolve, PROOF_WAIT_MS))
  }
}

export function addReceiptRoutes(server: Server, pages: Pages): void {
  const hidden = { schema: { hide: true } }
  server.get('/o/:code/print-80', hidden, (request, reply) => print(pages, request, reply, '80mm'))
  server.get('/o/:code/print-a4', hidden, (request, reply) => print(pages, request, reply, 'a4'))
  server.get('/o/:code/receipt.json', hidden, async (request, reply) => {
    const found = await findOne(pages, request, reply)
    if (!isFound(found)) return found
    const proof = await proveSoon(found)
    if (!proof) return reply.status(503).header('retry-after', '1').send({ status: 'not sealed yet' })
    return reply
      .type('application/json')
      .header('content-disposition', `attachment; filename="${found.receipt.receiptNo}.json"`)
      .send(receiptText(proof))
  })
  server.get('/o/:code/receipt.pdf', hidden, async (request, reply) => {
    const found = await findOne(pages, request, reply)
    if (!isFound(found)) return found
    const { visit, receipt, back } = found
    // A file somebody keeps proves nothing without it: none is better than one that will be called false.
    const proof = await proveSoon(found)
    if (!proof) return pages.error(visit, reply.header('retry-after', '5'), { code: 'trail.not_sealed', status: 503 })
    const pdf = await renderReceiptPdf({
      lang: visit.ctx.lang,
      tenantName: visit.page.tenantName,
      receipt: receiptView(visit.ctx, receipt, pages.leafOf(proof), back),
      verifyCode: verifyCodeOf(receipt),
      verifyAt: whereToVerify(visit),
      printedAt: visit.ctx.kernel.clock.now(),
    })
    return reply
      .type('application/pdf')
      .header('content-disposition', `attachment; filename="${receipt.receiptNo}.pdf"`)
      .send(embedReceipt(pdf, proof))
  })
  addVerifyRoutes(server, pages)
}
