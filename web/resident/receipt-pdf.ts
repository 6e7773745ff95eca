import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import PDFDocument from 'pdfkit'
import { type Lang, stamp, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import { qrModules } from '#web/ui/parts.tsx'
import { type ReceiptView, receiptRows } from '#web/ui/receipt.tsx'
import { unpackWoff } from './woff.ts'

export interface ReceiptPdfView {
  lang: Lang
  tenantName: string
  receipt: ReceiptView
  verifyCode: string
  verifyAt: string
  printedAt: Date
}

const fontDir = '@fontsource/noto-sans-sc/files/'
const require = createRequire(import.meta.url)
// One file covers the common hanzi, Latin letters and digits come from the other.
const fontFiles = { han: 'noto-sans-sc-chinese-simplified-400-normal.woff', latin: 'noto-sans-sc-latin-400-normal.woff' } as const
let fonts: Record<keyof typeof fontFiles, Buffer> | undefined

function loadFonts(): NonNullable<typeof fonts> {
  const load = (name: keyof typeof fontFiles) => unpackWoff(readFileSync(require.resolve(fontDir + fontFiles[name])))
  fonts ??= { han: load('han'), latin: load('latin') }
  return fonts
}

const mm = (n: number) => (n * 72) / 25.4
const margin = mm(20)
const labelWidth = mm(32)
/** Module of 0.75 mm: six dots of a 203 dpi printer, so a slip printed from the PDF still decodes. */
const moduleMm = 0.75

type Doc = PDFKit.PDFDocument

/** Writes one line, each run of characters in the font file that has its glyphs. */
function line(doc: Doc, text: string, x: number, y: number, size: number): void {
  let at = x
  for (const run of text.match(/[\u0000-\u024f\u2010-\u2027\u2032-\u203a]+|[^\u0000-\u024f\u2010-\u2027\u2032-\u203a]+/g) ?? []) {
    const isLatin = /^[\u0000-\u024f\u2010-\u2027\u2032-\u203a]/.test(run)
    doc.font(isLatin ? 'latin' : 'han').fontSize(size)
    doc.text(run, at, y, { lineBreak: false, baseline: 'alphabetic' })
    at += doc.widthOfString(run)
  }
}

function drawQr(doc: Doc, text: string, x: number, y: number): number {
  const { size, path } = qrModules(text)
  const unit = mm(moduleMm)
  doc.save().translate(x, y).scale(unit).path(path).fill('#000').restore()
  return size * unit
}

/**
 * The receipt as an A4 PDF with its fonts inside and the code drawn as vectors.
 * Rejects only when a font file cannot be read.
 */
export async function renderReceiptPdf(view: ReceiptPdfView): Promise<Buffer> {
  const { lang, receipt } = view
  const tr = t(lang)
  const doc = new PDFDocument({
    size: 'A4',
    margin,
    info: { Title: `${tr('print.title')} ${receipt.receiptNo}`, Producer: 'Yimen', CreationDate: view.printedAt },
  })
  const chunks: Buffer[] = []
  const whole = new Promise<Buffer>((resolve, reject) => {
    doc.on('data', (chunk: Buffer) => chunks.push(chunk))
    doc.on('end', () => resolve(Buffer.concat(chunks)))
    doc.on('error', reject)
  })
  const { han, latin } = loadFonts()
  doc.registerFont('han', han)
  doc.registerFont('latin', latin)
  doc.fillColor('#121721')
  let y = margin
  const put = (text: string, size: number, gap: number, x = margin) => {
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
    line(doc, label, margin, y, 11)
    line(doc, value, margin + labelWidth, y, 11)
    y += 8
    doc
      .moveTo(margin, y)
      .lineTo(doc.page.width - margin, y)
      .lineWidth(0.5)
      .stroke('#cbd0d7')
  }
  y += mm(6)
  y += drawQr(doc, receipt.verifyUrl, margin, y) + mm(2)
  put(`${tr('print.verify_code')}  ${view.verifyCode}`, 11, 6)
  put(tr('print.verify_at', { url: view.verifyAt }), 11, 6)
  put(tr('print.note'), 10, 5)
  put(tr('print.copy', { at: stamp(lang, view.printedAt) }), 10, 5)
  doc.end()
  return whole
}
