import { type Lang, stamp, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import { qrModules } from '#web/ui/parts.tsx'
import { type Doc, line, mm, PDF_MARGIN, renderPdf, rule } from '#web/ui/pdf.ts'
import { type ReceiptView, receiptRows } from '#web/ui/receipt.tsx'

export interface ReceiptPdfView {
  lang: Lang
  tenantName: string
  receipt: ReceiptView
  verifyCode: string
  verifyAt: string
  printedAt: Date
}

const labelWidth = mm(32)
/** Module of 0.75 mm: six dots of a 203 dpi printer, so a slip printed from the PDF still decodes. */
const moduleMm = 0.75

function drawQr(doc: Doc, text: string, x: number, y: number): number {
  const { size, path } = qrModules(text)
  const unit = mm(moduleMm)
  doc.save().translate(x, y).scale(unit).path(path).fill('#000').restore()
  return size * unit
}

function draw(doc: Doc, view: ReceiptPdfView): void {
  const { lang, receipt } = view
  const tr = t(lang)
  let y = PDF_MARGIN
  const put = (text: string, size: number, gap: number, x = PDF_MARGIN) => {
    y += size
    line(doc, text, x, y, size)
    y += gap
  }
  put(`${tr('brand')}  ${view.tenantName}`, 12, 14)
  put(tr('print.title'), 22, 18)
  put(`¥${yuan(receipt.amountFen)}`, 34, 20)
  if (receipt.back && !receipt.back.isPart) put(tr('print.void'), 14, 12)
  const rows = [
    { label: tr('bill.item'), value: tr('bill.heading', { service: receipt.service, period: receipt.periodLabel }) },
    { label: tr('print.payer'), value: receipt.biller },
    ...receiptRows(lang, receipt),
  ]
  for (const { label, value } of rows) {
    y += 17
    line(doc, label, PDF_MARGIN, y, 11)
    line(doc, value, PDF_MARGIN + labelWidth, y, 11)
    y += 8
    rule(doc, y)
  }
  y += mm(6)
  y += drawQr(doc, receipt.verifyUrl, PDF_MARGIN, y) + mm(2)
  put(`${tr('print.verify_code')}  ${view.verifyCode}`, 11, 6)
  put(tr('print.verify_at', { url: view.verifyAt }), 11, 6)
  put(tr('print.note'), 10, 5)
  put(tr('print.copy', { at: stamp(lang, view.printedAt) }), 10, 5)
}

/** The receipt as an A4 PDF with its fonts inside and the code drawn as vectors. */
export const renderReceiptPdf = (view: ReceiptPdfView): Promise<Buffer> =>
  renderPdf(`${t(view.lang)('print.title')} ${view.receipt.receiptNo}`, view.printedAt, doc => draw(doc, view))
