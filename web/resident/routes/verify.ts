import { judge, pinnedKeysFile, readKeys, WrongUse } from '#app/verify.ts'
import { httpErrors, type Server } from '#kernel/http/server.ts'
import { isUuid } from '#kernel/id.ts'
import { periodLabel } from '#kernel/labels.ts'
import { findReceipt, listReceipts, proveReceipt } from '#modules/billing/index.ts'
import { findOrderById } from '#modules/payments/index.ts'
import { fieldError } from '#web/ui/field-errors.ts'
import { addUploadCorner } from '#web/upload.ts'
import type { Visit } from '#web/visit.ts'
import { paths } from '../paths.ts'
import { type VerifyView, verifyPage } from '../verify.tsx'
import { findMoneyBack, findPartBack } from './money-back.ts'
import type { Pages } from './pages.ts'
import { billerName, serviceName } from './views.ts'

const TYPED_CHARS_MAX = 400
const FILE_BYTES_MAX = 100_000
/** A file a little too large still gets an answer in words; what is larger is cut off on its way. */
const UPLOAD_BYTES_MAX = 1_000_000

/**
 * The code out of what somebody typed, pasted or scanned: spaces, line breaks, full-width characters, dashes of any kind
 * and the rest of the address it stands in do not matter.
 */
export function readVerifyCode(typed: string): string {
  const text = typed
    .slice(0, TYPED_CHARS_MAX)
    .normalize('NFKC')
    .replace(/[\p{Z}\p{C}]/gu, '')
    .replace(/\p{Pd}|\u2212/gu, '-')
  const inAddress = /[?&]c=([^&#]*)/i.exec(text)?.[1]
  return inAddress === undefined ? text : plain(inAddress)
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text).replace(/[\p{Z}\p{C}]/gu, '')
  } catch {
    return text
  }
}

const isReceiptNo = (code: string): boolean => /^[a-z]{2}-?\d{8}-?\d{6}$/i.test(code)
const UUID_DIGITS = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})(?:\.(.*))?$/i

/** What a code says about a receipt; with a file the facts stand in the file, and only what became of the money is asked. */
async function answerFor(pages: Pages, visit: Visit, entryId: string, leaf?: string): Promise<VerifyView['answer']> {
  const { ctx } = visit
  const row = await findReceipt(ctx, entryId)
  const order = row && (await findOrderById(ctx, row.orderId))
  const receipt = order && (await listReceipts(ctx, order)).find(r => r.entryId === entryId)
  const proof = receipt && (await proveReceipt(ctx, entryId))
  // Typed by hand, upper and lower case get lost.
  if (!receipt || (leaf && proof && pages.leafOf(proof).toLowerCase() !== leaf.toLowerCase())) return { state: 'invalid' }
  // Money that came twice and went back once leaves the payment as it is.
  const refunded = findMoneyBack(order) !== undefined
  const part = findPartBack(order)
  return {
    state: refunded ? 'refunded' : proof ? 'valid' : 'pending',
    receiptNo: receipt.receiptNo,
    ...(part && { partFen: part.amountFen }),
    biller: billerName(ctx.lang, receipt.biller),
    service: serviceName(ctx.lang, receipt.biller),
    periodLabel: periodLabel(ctx.lang, receipt.bill.periodFrom, receipt.bill.periodTo),
    amountFen: receipt.amountFen,
    paidAt: receipt.paidAt,
    ...(proof && { leafIndex: proof.index, rootHash: proof.checkpoint.split('\n')[2] ?? '' }),
  }
}

async function checkCode(pages: Pages, visit: Visit, typed: string): Promise<VerifyView> {
  const { lang } = visit.ctx
  const code = readVerifyCode(typed)
  if (!code) return { errors: [fieldError(lang, 'verifyEmpty')] }
  const shown = typed.slice(0, TYPED_CHARS_MAX).trim()
  if (isReceiptNo(code)) return { code: shown, errors: [fieldError(lang, 'verifyReceiptNo')] }
  const [, ...parts] = UUID_DIGITS.exec(code) ?? []
  const entryId = parts.slice(0, 5).join('-').toLowerCase()
  if (!isUuid(entryId)) return { code: shown, errors: [fieldError(lang, 'verifyFormat')] }
  return { code: shown, answer: await answerFor(pages, visit, entryId, parts[5]) }
}

/** Judges the file against the keys this installation pinned, then asks what became of the payment since. */
async function checkFile(pages: Pages, visit: Visit, file: Buffer | undefined): Promise<VerifyView> {
  const { kernel, lang } = visit.ctx
  if (!file || file.length === 0) return { errors: [fieldError(lang, 'verifyNoFile')] }
  if (file.length > FILE_BYTES_MAX) return { errors: [fieldError(lang, 'verifyFileLarge')] }
  try {
    const verdict = judge(file, readKeys(pinnedKeysFile(kernel.config)))
    const id = verdict.valid ? verdict.entry?.id : undefined
    return { answer: typeof id === 'string' && isUuid(id) ? await answerFor(pages, visit, id) : { state: 'file_invalid' } }
  } catch (error) {
    if (!(error instanceof WrongUse)) throw error
    kernel.log.error({ err: error }, 'no pinned keys to check a receipt against')
    return { errors: [fieldError(lang, 'verifyNoKeys')] }
  }
}

export function addVerifyRoutes(server: Server, pages: Pages): void {
  const limit = { rateLimit: { max: 60, timeWindow: '1 minute' } }
  server.get(paths.verify, { schema: { hide: true }, config: limit }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const given = (request.query as { c?: unknown }).c
    return pages.html(reply, verifyPage(visit.page, given === undefined ? {} : await checkCode(pages, visit, String(given))))
  })
  // A file is not kept, so there is nothing to come back to.
  server.get(paths.verifyFile, { schema: { hide: true } }, async (_request, reply) => reply.redirect(paths.verify, 303))
  addUploadCorner(server, {
    path: paths.verifyFile,
    bytesMax: UPLOAD_BYTES_MAX,
    perMinute: 20,
    guarded: pages.guarded,
    async refuse(request, reply, status) {
      const visit = await pages.visit(request, reply)
      const refusal = status === 413 ? httpErrors.too_large : httpErrors.invalid_input
      pages.refused(visit, refusal, `POST ${paths.verifyFile}`)
      const name = status === 413 ? 'verifyFileLarge' : 'verifyNoFile'
      return pages.html(reply, verifyPage(visit.page, { errors: [fieldError(visit.ctx.lang, name)] }), status)
    },
    async answer(request, reply, { file }) {
      const visit = await pages.visit(request, reply)
      const view = await checkFile(pages, visit, file?.bytes)
      return pages.html(reply, verifyPage(visit.page, view), view.errors ? 422 : 200)
    },
  })
}
