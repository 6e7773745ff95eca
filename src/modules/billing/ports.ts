import type { ProductBody } from './products/model.ts'
import type { Buyer } from './tax-invoice/model.ts'

/** What a biller answers about one posting. `unknown` covers time-outs: it is asked again, never taken for a refusal. */
export type PostingAnswer =
  | { readonly kind: 'posted' }
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'reversed' }
  /** Taken in hand and not finished: of what was ordered only. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unknown'; readonly why: string }

export interface PostingRequest {
  readonly postingNo: string
  readonly billNo: string
  readonly accountNo: string
  readonly amountFen: number
  /** Of the amount: the rest is principal. */
  readonly lateFeeFen: number
  /** Counts as paid beyond the amount: the biller's own rebate for paying early. */
  readonly rebateFen: number
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

export interface ProductRequest {
  readonly orderNo: string
  readonly product: string
  readonly version: string
  readonly accountNo: string
  readonly amountFen: number
  readonly orderedAt: Date
}

export type ProductsAnswer =
  | { readonly kind: 'products'; readonly products: readonly ProductBody[]; readonly refused: number }
  | { readonly kind: 'unknown'; readonly why: string }

/** Ordering at a biller. Its answers are those to a posting: done is posted, cancelled is reversed. */
export interface ProductPort {
  /** What this account may order now. A person waits for it. */
  list(accountNo: string): Promise<ProductsAnswer>
  order(request: ProductRequest): Promise<PostingAnswer>
  status(orderNo: string): Promise<PostingAnswer>
  cancel(orderNo: string): Promise<PostingAnswer>
}

/** `none`: the biller has no file of the day (yet). `unknown`: no trustworthy answer. */
export type CheckFileAnswer =
  | { readonly kind: 'file'; readonly bytes: Buffer }
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown'; readonly why: string }

export interface TaxInvoiceRequest {
  /** Ours: asked for again under the same, it is the same invoice. */
  readonly invoiceNo: string
  readonly postingNo: string
  readonly billNo: string
  readonly accountNo: string
  readonly amountFen: number
  readonly buyer: Buyer
}

export type TaxInvoiceAnswer =
  | { readonly kind: 'issued'; readonly number: string; readonly href?: string | undefined }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unknown'; readonly why: string }

/** Electronic tax invoices, written by the biller. */
export interface TaxInvoicePort {
  ask(request: TaxInvoiceRequest): Promise<TaxInvoiceAnswer>
  status(invoiceNo: string): Promise<TaxInvoiceAnswer>
}

/** A biller's own system, told of each payment and asked how it stands. */
export interface BillerPort {
  post(request: PostingRequest): Promise<PostingAnswer>
  query(postingNo: string): Promise<PostingAnswer>
  reverse(postingNo: string): Promise<PostingAnswer>
  /** Bills of one account as they stand; absent where the biller cannot be asked. A person waits for it. */
  readonly listBills?: (accountNo: string) => Promise<AccountAnswer>
  /** Absent where nothing can be ordered. */
  readonly products?: ProductPort
  /** Absent where none can be asked for through us. */
  readonly taxInvoices?: TaxInvoicePort
  /** What it wrote down on a day ('YYYY-MM-DD'), as its file; absent where it gives none that way. */
  readonly fetchCheckFile?: (day: string) => Promise<CheckFileAnswer>
}
