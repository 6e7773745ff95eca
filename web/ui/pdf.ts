import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import PDFDocument from 'pdfkit'
import { unpackWoff } from './woff.ts'

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

export const mm = (n: number): number => (n * 72) / 25.4
export const PDF_MARGIN = mm(20)

export type Doc = PDFKit.PDFDocument

/** Runs of characters, each with the font file that has its glyphs. */
const runsOf = (text: string): { text: string; font: keyof typeof fontFiles }[] =>
  (text.match(/[\u0000-\u024f\u2010-\u2027\u2032-\u203a]+|[^\u0000-\u024f\u2010-\u2027\u2032-\u203a]+/g) ?? []).map(run => ({
    text: run,
    font: /^[\u0000-\u024f\u2010-\u2027\u2032-\u203a]/.test(run) ? 'latin' : 'han',
  }))

export const widthOf = (doc: Doc, text: string, size: number): number =>
  runsOf(text).reduce((sum, run) => sum + doc.font(run.font).fontSize(size).widthOfString(run.text), 0)

/** Writes one line on its baseline. */
export function line(doc: Doc, text: string, x: number, y: number, size: number): void {
  let at = x
  for (const run of runsOf(text)) {
    doc.font(run.font).fontSize(size)
    doc.text(run.text, at, y, { lineBreak: false, baseline: 'alphabetic' })
    at += doc.widthOfString(run.text)
  }
}

export function rule(doc: Doc, y: number): void {
  doc
    .moveTo(PDF_MARGIN, y)
    .lineTo(doc.page.width - PDF_MARGIN, y)
    .lineWidth(0.5)
    .stroke('#cbd0d7')
}

/** An A4 document with its fonts inside, as bytes once `draw` is done. Rejects only when a font file cannot be read. */
export async function renderPdf(title: string, at: Date, draw: (doc: Doc) => void): Promise<Buffer> {
  const doc = new PDFDocument({ size: 'A4', margin: PDF_MARGIN, info: { Title: title, Producer: 'Yimen', CreationDate: at } })
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
  draw(doc)
  doc.end()
  return whole
}
