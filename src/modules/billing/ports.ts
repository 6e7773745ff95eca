/** What a biller answers about one posting. `unknown` covers time-outs: it is asked again, never taken for a refusal. */
export type PostingAnswer =
  | { readonly kind: 'posted' }
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'reversed' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unknown'; readonly why: string }

export interface PostingRequest {
  readonly postingNo: string
  readonly billNo: string
  readonly accountNo: string
  readonly amountFen: number
  readonly paidAt: Date
}

/** One bill as the biller's own system says it stands now. */
export interface BillerBill {
  readonly billNo: string
  readonly amountFen: number
  /** 'YYYY-MM' */
  readonly period: string
  readonly dueOn: string
  readonly title: string
  readonly isPaid: boolean
}

export type AccountAnswer =
  | { readonly kind: 'bills'; readonly bills: readonly BillerBill[] }
  | { readonly kind: 'unknown'; readonly why: string }

/** `none`: the biller has no file of the day (yet). `unknown`: no trustworthy answer. */
export type CheckFileAnswer =
  | { readonly kind: 'file'; readonly bytes: Buffer }
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown'; readonly why: string }

/** A biller's own system, told of each payment and asked how it stands. */
export interface BillerPort {
  post(request: PostingRequest): Promise<PostingAnswer>
  query(postingNo: string): Promise<PostingAnswer>
  reverse(postingNo: string): Promise<PostingAnswer>
  /** Bills of one account as they stand; absent where the biller cannot be asked. A person waits for it. */
  readonly listBills?: (accountNo: string) => Promise<AccountAnswer>
  /** What it wrote down on a day ('YYYY-MM-DD'), as its file; absent where it gives none that way. */
  readonly fetchCheckFile?: (day: string) => Promise<CheckFileAnswer>
}
