import type { FastifyReply } from 'fastify'
import { httpErrors, type Server } from '#kernel/http/server.ts'
import { periodLabel } from '#kernel/labels.ts'
import {
  type BillState,
  billingErrors,
  createPhotoReader,
  dueFen,
  isPhotoInstalled,
  listBillers,
  PHOTO_LIMITS,
  type ReadBill,
  readBillPhoto,
} from '#modules/billing/index.ts'
import { type FieldErrorName, fieldError } from '#web/ui/field-errors.ts'
import { yuan } from '#web/ui/format.ts'
import { addUploadCorner } from '#web/upload.ts'
import type { Visit } from '#web/visit.ts'
import { paths } from '../paths.ts'
import { type PhotoDiffersView, type PhotoReadView, photoDiffersPage, photoPage, photoReadPage } from '../photo.tsx'
import { billers, browserLimit, type Limit, LOOKUPS, lookUp, showBills } from './accounts.ts'
import type { Pages } from './pages.ts'
import { textsOf } from './views.ts'

/** Pictures of one browser: a family's bills with some second tries. */
const PHOTOS_OF_BROWSER = { max: 30, timeWindow: '1 hour' }
const PHOTOS_PER_MINUTE = 30
/** A picture a little too large still gets an answer in words. */
const UPLOAD_BYTES_MAX = PHOTO_LIMITS.bytesMax + 4 * 2 ** 20

const WORDS: Readonly<Record<string, FieldErrorName>> = {
  [billingErrors.photo_not_a_picture.code]: 'photoType',
  [billingErrors.photo_too_large.code]: 'photoLarge',
  [billingErrors.photo_unreadable.code]: 'photoBroken',
  [billingErrors.photo_too_dark.code]: 'photoDark',
  [billingErrors.photo_without_text.code]: 'photoEmpty',
  [billingErrors.photo_of_no_bill.code]: 'photoNoBill',
  [billingErrors.photo_busy.code]: 'photoBusy',
  [billingErrors.photo_failed.code]: 'photoFailed',
}

const hasLetters = (example: string | undefined): boolean => example === undefined || /[A-Z]/.test(example)

async function readView(visit: Visit, read: ReadBill): Promise<PhotoReadView> {
  const { lang } = visit.ctx
  const known = (await listBillers(visit.ctx)).find(one => one.id === read.biller?.value)
  const { accountNo, amountFen, period, billNo } = read
  return {
    billers: await billers(visit),
    ...(read.biller && { biller: { id: read.biller.value, isSure: read.biller.isSure } }),
    ...(accountNo && { account: { text: accountNo.value, isSure: accountNo.isSure } }),
    ...(amountFen && { amount: { text: `¥${yuan(amountFen.value)}`, isSure: amountFen.isSure } }),
    ...(period && { period: { text: periodLabel(lang, period.value.from, period.value.to), isSure: period.isSure } }),
    ...(billNo && { billNo: { text: billNo.value, isSure: billNo.isSure } }),
    kept: {
      ...(amountFen && { amount: String(amountFen.value) }),
      ...(period?.isSure && { from: period.value.from, to: period.value.to }),
      ...(billNo && { bill: billNo.value }),
    },
    hasLetters: hasLetters(known?.config.account.example),
  }
}

/** What the form brings back of the picture; a stranger may have written it, so it only ever chooses and compares. */
interface Kept {
  readonly amountFen?: number
  readonly from?: string
  readonly to?: string
  readonly billNo?: string
}

function readKept(texts: Readonly<Record<string, string>>): Kept {
  const { amount = '', from = '', to = '', bill = '' } = texts
  const isMonth = (text: string) => /^\d{4}-(0[1-9]|1[0-2])$/.test(text)
  return {
    ...(/^\d{1,9}$/.test(amount) && { amountFen: Number(amount) }),
    ...(isMonth(from) && isMonth(to) && { from, to }),
    ...(/^[0-9A-Z]{6,34}$/.test(bill) && { billNo: bill }),
  }
}

/** The one bill that is meant: the only one, or that of the number or period read. */
const meant = (open: readonly BillState[], kept: Kept): BillState | undefined =>
  open.length === 1
    ? open[0]
    : (open.find(({ bill }) => bill.billNo === kept.billNo) ??
      open.find(({ bill }) => bill.periodFrom === kept.from && bill.periodTo === kept.to))

function differences(visit: Visit, state: BillState, kept: Kept): Omit<PhotoDiffersView, 'href'> | undefined {
  const { lang } = visit.ctx
  const label = (from: string, to: string) => periodLabel(lang, from, to)
  const { bill } = state
  const billFen = dueFen(state)
  const isOther = kept.amountFen !== undefined && kept.amountFen !== bill.amountFen && kept.amountFen !== billFen
  const isOtherPeriod = kept.from !== undefined && kept.to !== undefined && (kept.from !== bill.periodFrom || kept.to !== bill.periodTo)
  if (!isOther && !isOtherPeriod) return undefined
  return {
    ...(isOther && { amount: { readFen: kept.amountFen, billFen } }),
    ...(isOtherPeriod && { period: { read: label(kept.from, kept.to), bill: label(bill.periodFrom, bill.periodTo) } }),
  }
}

async function goToBill(pages: Pages, visit: Visit, reply: FastifyReply, texts: Readonly<Record<string, string>>): Promise<FastifyReply> {
  const { biller = '', account = '' } = texts
  const kept = readKept(texts)
  const found = await lookUp(visit, biller, account)
  const state = meant(found.open, kept)
  if (state) {
    const differs = differences(visit, state, kept)
    const href = `/b/${state.bill.code}`
    return differs ? pages.html(reply, photoDiffersPage(visit.page, { ...differs, href })) : reply.redirect(href, 303)
  }
  if (found.account) return showBills(pages, visit, reply, found.account)
  const known = (await listBillers(visit.ctx)).find(one => one.id === biller)
  const view: PhotoReadView = {
    billers: await billers(visit),
    ...(known && { biller: { id: biller, isSure: false } }),
    account: { text: account.slice(0, 40), isSure: false },
    ...(kept.amountFen !== undefined && { amount: { text: `¥${yuan(kept.amountFen)}`, isSure: true } }),
    kept: Object.fromEntries(['amount', 'from', 'to', 'bill'].flatMap(name => (texts[name] ? [[name, texts[name].slice(0, 40)]] : []))),
    hasLetters: hasLetters(known?.config.account.example),
    errors: [found.error ?? fieldError(visit.ctx.lang, 'billerMissing')],
  }
  return pages.html(reply, photoReadPage(visit.page, view), 422)
}

/** From a picture of a bill to its check page. The account is looked for as a typed one is, under the same limits. */
export function addPhotoRoutes(server: Server, pages: Pages, limit: Limit): void {
  const reader = createPhotoReader(pages.options.kernel.log)
  server.addHook('onClose', () => reader.stop())
  const photoLimit = browserLimit(server, pages, PHOTOS_OF_BROWSER)
  const refuse = (visit: Visit, reply: FastifyReply, name: FieldErrorName, status: number) =>
    pages.html(reply, photoPage(visit.page, { errors: [fieldError(visit.ctx.lang, name)] }), status)

  server.get(paths.photo, { schema: { hide: true } }, async (request, reply) => {
    if (!isPhotoInstalled()) return reply.redirect(paths.pay, 303)
    return pages.html(reply, photoPage((await pages.visit(request, reply)).page))
  })
  // A picture is not kept, so there is nothing to come back to.
  server.get(paths.photoBill, { schema: { hide: true } }, async (_request, reply) => reply.redirect(paths.photo, 303))
  addUploadCorner(server, {
    path: paths.photo,
    bytesMax: UPLOAD_BYTES_MAX,
    perMinute: PHOTOS_PER_MINUTE,
    guarded: pages.guarded,
    async refuse(request, reply, status) {
      const visit = await pages.visit(request, reply)
      pages.refused(visit, status === 413 ? httpErrors.too_large : httpErrors.invalid_input, `POST ${paths.photo}`)
      return refuse(visit, reply, status === 413 ? 'photoLarge' : 'photoMissing', status)
    },
    async answer(request, reply, { file }) {
      if (!isPhotoInstalled()) return reply.redirect(paths.pay, 303)
      const visit = await pages.visit(request, reply)
      const tooMany = await photoLimit(visit, request, reply)
      if (tooMany) return tooMany
      if (!file || file.bytes.length === 0) return refuse(visit, reply, 'photoMissing', 422)
      const read = await readBillPhoto(visit.ctx, reader, file.bytes)
      if (!read.ok) return refuse(visit, reply, WORDS[read.error.code] ?? 'photoFailed', read.error.status)
      if (read.value.code) return reply.redirect(`/b/${read.value.code}`, 303)
      return pages.html(reply, photoReadPage(visit.page, await readView(visit, read.value.bill)))
    },
  })
  server.post(paths.photoBill, { schema: { hide: true }, config: { rateLimit: LOOKUPS } }, async (request, reply) =>
    pages.guarded(request, reply, async () => {
      const visit = await pages.visit(request, reply)
      return (await limit(visit, request, reply)) ?? goToBill(pages, visit, reply, textsOf(request.body))
    }),
  )
}
