import { day, type Lang, signedYuan, stamp, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import { type Doc, line, mm, PDF_MARGIN, renderPdf, rule, widthOf } from '#web/ui/pdf.ts'
import type { MonthView } from './month.tsx'

const SIZE = 8
const ROW = mm(5.2)

interface Cells {
  readonly texts: readonly string[]
  /** The first columns are words, the rest figures. */
  readonly words: readonly number[]
}

/** A line of a table: words begin their column, figures end it. */
function row(doc: Doc, y: number, widths: readonly number[], { texts, words }: Cells, size = SIZE): void {
  let x = PDF_MARGIN
  for (const [i, width] of widths.entries()) {
    const text = texts[i] ?? ''
    line(doc, text, words.includes(i) ? x : x + width - widthOf(doc, text, size) - mm(2), y, size)
    x += width
  }
}

const fitted = (doc: Doc, shares: readonly number[]): number[] => {
  const whole = shares.reduce((sum, share) => sum + share, 0)
  return shares.map(share => (share / whole) * (doc.page.width - 2 * PDF_MARGIN))
}

/** Draws tables one below the other and turns the page when one is full. */
function sheet(doc: Doc) {
  let y = PDF_MARGIN
  const room = (height: number) => {
    if (y + height <= doc.page.height - PDF_MARGIN) return
    doc.addPage()
    doc.fillColor('#121721')
    y = PDF_MARGIN
  }
  return {
    text(text: string, size: number, gap: number): void {
      room(size + gap)
      y += size
      line(doc, text, PDF_MARGIN, y, size)
      y += gap
    },
    table(shares: readonly number[], head: readonly string[], rows: readonly (readonly string[])[], words: readonly number[]): void {
      const widths = fitted(doc, shares)
      const put = (texts: readonly string[]) => {
        room(ROW)
        y += ROW
        row(doc, y, widths, { texts, words })
        rule(doc, y + mm(1.4))
      }
      put(head)
      for (const texts of rows) put(texts)
      y += mm(8)
    },
  }
}

function draw(doc: Doc, lang: Lang, view: MonthView): void {
  const say = t(lang)
  const page = sheet(doc)
  page.text(`${say('brand')}  ${view.tenantName}`, 10, 10)
  page.text(say('month.title', { month: view.title }), 18, 10)
  page.text(view.verdict.text, 11, 8)
  page.table(
    [9, ...view.channels.map(() => 11), 12, 7, 9, 7, 9, 12],
    [
      say('staff.recon_day'),
      ...view.channels,
      say('month.collected'),
      say('console.orders'),
      say('month.returned'),
      say('month.breaks'),
      say('month.over'),
      say('staff.col_state'),
    ],
    view.days.map(r => [
      day(lang, r.day),
      ...view.channels.map((_, i) => yuan(r.fens[i] ?? 0)),
      yuan(r.collectedFen),
      String(r.orders),
      yuan(r.returnedFen),
      r.openBreaks > 0 ? `${r.openBreaks} / ${r.breaks}` : String(r.breaks),
      signedYuan(r.overFen),
      r.state.short,
    ]),
    [0],
  )
  page.text(say('month.billers'), 12, 4)
  page.table(
    [36, 16, 16, 16, 16],
    [say('staff.biller'), say('staff.recon_paid'), say('staff.recon_refunded'), say('staff.settle_net'), say('month.corrected')],
    view.billers.map(r => [
      r.name,
      yuan(r.collectedFen),
      yuan(r.returnedFen),
      yuan(r.collectedFen - r.returnedFen),
      signedYuan(r.correctedFen),
    ]),
    [0],
  )
  page.text(say('month.books'), 12, 4)
  page.table(
    [60, 40],
    [say('month.account'), say('month.balance')],
    [...view.balances.map(r => [r.name, yuan(r.fen)]), [say('table.total'), yuan(view.trialBalanceFen)]],
    [0],
  )
  page.text(say('month.made', { at: stamp(lang, view.madeAt) }), 9, 4)
}

/** The report of a month on paper. */
export const renderMonthPdf = (lang: Lang, view: MonthView): Promise<Buffer> =>
  renderPdf(t(lang)('month.title', { month: view.title }), view.madeAt, doc => draw(doc, lang, view))
