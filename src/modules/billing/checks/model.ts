import { addDays, startOfDay } from '#kernel/time.ts'
import type { OutsideBreak, Resolution } from '#modules/payments/index.ts'
import { POSTING } from '../model.ts'
import type { CheckRow } from './layout.ts'

/** A posting this near midnight may stand in the neighbouring day's file. */
const CUT_OFF_MS = 10 * 60_000

/** What of a posting a comparison needs. */
export interface PostingFacts {
  readonly id: string
  readonly orderId: string
  readonly state: number
  readonly amountFen: number
  readonly paidAt: Date
  readonly finishedAt: Date | null
}

const IN_WORK: readonly number[] = [POSTING.held, POSTING.sent, POSTING.unknown]

function isNearMidnight(at: Date, day: string): boolean {
  const [from, to] = [startOfDay(day).getTime(), startOfDay(addDays(day, 1)).getTime()]
  return at.getTime() - from < CUT_OFF_MS || to - at.getTime() < CUT_OFF_MS
}

/** How a row the biller states differs from what we told it; undefined where both agree or will by themselves. */
function differenceOf(row: CheckRow, posting: PostingFacts | undefined, day: string): Pick<OutsideBreak, 'class' | 'severity'> | undefined {
  if (!row.isStanding) return posting?.state === POSTING.posted ? { class: 'biller_missing', severity: 2 } : undefined
  if (!posting) return { class: 'biller_only', severity: 2 }
  if (posting.amountFen !== row.amountFen) return { class: 'biller_amount', severity: 1 }
  if (IN_WORK.includes(posting.state)) return { class: 'biller_only', severity: 3 }
  // Taken back after the day was over: the file of that day still has it.
  const wasOver = posting.finishedAt && posting.finishedAt.getTime() >= startOfDay(addDays(day, 1)).getTime() - CUT_OFF_MS
  const isGivenBack = posting.state === POSTING.rejected || (posting.state === POSTING.reversed && !wasOver)
  return isGivenBack ? { class: 'biller_only', severity: 1 } : undefined
}

/**
 * Every difference between a biller's file of a day and what it was told. `told` are postings by number, `unstated` those that
 * were booked at the biller that day by its own answer and stand in no file of it.
 */
export function compareCheck(
  day: string,
  rows: readonly CheckRow[],
  told: ReadonlyMap<string, PostingFacts>,
  unstated: readonly PostingFacts[],
): OutsideBreak[] {
  const breaks: OutsideBreak[] = []
  rows.forEach((row, i) => {
    const posting = told.get(row.postingNo)
    const difference = differenceOf(row, posting, day)
    if (!difference) return
    breaks.push({
      ...difference,
      ...{ ref: row.postingNo, ourNo: row.billNo, about: posting?.orderId ?? null, line: i + 2 },
      statedFen: row.isStanding ? row.amountFen : 0,
      bookedFen: posting?.amountFen ?? null,
      happenedAt: posting?.paidAt ?? startOfDay(day),
      needsPerson: difference.class === 'biller_only' && difference.severity < 3,
    })
  })
  // A number the file shows as taken back is told of above.
  const shown = new Set(rows.map(row => row.postingNo))
  for (const posting of unstated)
    if (!shown.has(posting.id))
      breaks.push({
        ...{ class: 'biller_missing', severity: isNearMidnight(posting.finishedAt!, day) ? 3 : 2, ref: posting.id, ourNo: '' },
        ...{
          about: posting.orderId,
          line: null,
          statedFen: null,
          bookedFen: posting.amountFen,
          happenedAt: posting.paidAt,
          needsPerson: false,
        },
      })
  return breaks
}

/** How an open difference ended by what both sides say now; undefined while it has not. `stated` is the row that stands, of whatever day. */
export function endOf(
  b: { readonly class: string; readonly day: string },
  stated: { readonly day: string; readonly amountFen: number } | undefined,
  posting: PostingFacts | undefined,
): Resolution | undefined {
  if (b.class === 'biller_missing') {
    if (posting && (posting.state === POSTING.rejected || posting.state === POSTING.reversed)) return 'given_back'
    if (!stated) return undefined
    return stated.day === b.day ? 'corrected_file' : 'in_other_file'
  }
  if (!stated) return 'corrected_file'
  if (posting?.amountFen !== stated.amountFen) return undefined
  if (b.class === 'biller_amount') return 'corrected_file'
  return posting.state === POSTING.posted || posting.state === POSTING.reversing ? 'booked' : undefined
}
