import { StageTag } from '#web/disputes/desk.tsx'
import type { DisputeStage } from '#web/disputes/page.tsx'
import { dateTime, day, duration, yuan } from '#web/ui/format.ts'
import { ErrorSummary, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Button, LinkButton, Money, SummaryList, Tag, type Tone } from '#web/ui/parts.tsx'
import { Timeline, type TimelineView } from '#web/ui/timeline.tsx'
import { RescuePane, type RescueView } from './rescues.tsx'
import { type PastRow, PastTable } from './shadow/pages.tsx'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

interface State {
  text: string
  tone?: Tone
}

/** A row of attempts, postings or refunds: what was asked of an outside party. */
export interface LegView {
  no: string
  /** Channel, biller, or why money went back. */
  party: string
  state: State
  amountFen: number
  at: Date
}

export interface ActionView {
  label: string
  action: string
  idempotencyKey: string
  /** Cannot be undone. */
  isDanger?: boolean
}

export interface OrderView {
  orderNo: string
  state: State
  amountFen: number
  /** Masked. */
  payer: string
  biller: string
  /** Without an address for who may not read bills. */
  bill: { text: string; href?: string }
  account: { text: string; href?: string }
  createdAt: Date
  /** The batch a bank debits it with. */
  debit?: { text: string; href?: string }
  attempts: readonly LegView[]
  postings: readonly LegView[]
  refunds: readonly LegView[]
  timeline: readonly TimelineView[]
  /** What this person may do now; nothing is shown that would be refused. */
  actions: readonly ActionView[]
  rescue?: RescueView
  /** Where a part can be asked back, for who may ask. */
  refundHref?: string
  /** Addresses of the receipt on both papers, once there is one. */
  reprint?: { href80: string; hrefA4: string }
}

function Legs({ title, party, rows }: { title: string; party: string; rows: readonly LegView[] }) {
  const { ctx, t } = usePage()
  return (
    <Pane title={title}>
      {rows.length === 0 ? (
        <p class="t-3">{t('staff.none')}</p>
      ) : (
        <WideTable
          columns={[
            { title: t('staff.col_no'), cell: (r: LegView) => r.no },
            { title: party, cell: r => r.party },
            { title: t('staff.col_at'), cell: r => dateTime(ctx.lang, r.at) },
            { title: t('staff.col_state'), cell: r => <Tag tone={r.state.tone}>{r.state.text}</Tag> },
            { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
          ]}
          rows={rows}
        />
      )}
    </Pane>
  )
}

function TrailPane({ entries }: { entries: readonly TimelineView[] }) {
  const { t } = usePage()
  return (
    <Pane title={t('staff.timeline')} note={t('staff.logged')}>
      {entries.length === 0 ? <p class="t-3">{t('staff.timeline_none')}</p> : <Timeline entries={entries} />}
    </Pane>
  )
}

const Linked = ({ to }: { to: OrderView['bill'] }) => (to.href ? <a href={to.href}>{to.text}</a> : <span>{to.text}</span>)

/** One order with everything that touched it. */
export function OrderPage({ view }: { view: OrderView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <ErrorSummary errors={view.rescue?.form?.errors} />
      <div class="spread row--wrap">
        <h1>{t('staff.order', { no: view.orderNo })}</h1>
        <Tag tone={view.state.tone}>{view.state.text}</Tag>
        <span class="push">
          <Money fen={view.amountFen} size="lg" />
        </span>
      </div>
      <div class="deskgrid">
        <div class="stack">
          <Pane title={t('staff.kind_order')}>
            <SummaryList
              rows={[
                { label: t('staff.kind_bill'), value: <Linked to={view.bill} /> },
                { label: t('staff.kind_account'), value: <Linked to={view.account} /> },
                { label: t('staff.biller'), value: view.biller },
                { label: t('staff.payer'), value: view.payer },
                ...(view.debit ? [{ label: t('staff.debits'), value: <Linked to={view.debit} /> }] : []),
                { label: t('staff.col_at'), value: dateTime(ctx.lang, view.createdAt) },
              ]}
            />
            {(view.actions.length > 0 || view.refundHref) && (
              <div class="btns">
                {view.refundHref && (
                  <LinkButton href={view.refundHref} kind="secondary">
                    {t('staff.refund_ask')}
                  </LinkButton>
                )}
                {view.actions.map(a => (
                  <PostForm key={a.action} action={a.action} idempotencyKey={a.idempotencyKey}>
                    <Button kind={a.isDanger ? 'danger' : 'secondary'}>{a.label}</Button>
                  </PostForm>
                ))}
              </div>
            )}
          </Pane>
          {view.reprint && (
            <Pane title={t('staff.reprint')} note={t('staff.logged_reprint')}>
              <div class="btns">
                <LinkButton href={view.reprint.href80} kind="secondary">
                  {t('staff.reprint_80')}
                </LinkButton>
                <LinkButton href={view.reprint.hrefA4} kind="secondary">
                  {t('staff.reprint_a4')}
                </LinkButton>
              </div>
            </Pane>
          )}
          {view.rescue && <RescuePane view={view.rescue} />}
          <Legs title={t('staff.attempts')} party={t('staff.col_channel')} rows={view.attempts} />
          <Legs title={t('staff.postings')} party={t('staff.biller')} rows={view.postings} />
          <Legs title={t('staff.refunds')} party={t('staff.col_why')} rows={view.refunds} />
        </div>
        <TrailPane entries={view.timeline} />
      </div>
    </StaffLayout>
  )
}

export const orderPage = (ctx: StaffPageContext, view: OrderView): string =>
  renderStaffPage(ctx, <OrderPage view={view} />, {
    title: t(ctx.lang)('staff.order', { no: view.orderNo }),
    hasError: !!view.rescue?.form?.errors?.length,
  })

export interface DeskBillView {
  no: string
  state: State
  amountFen: number
  periodLabel: string
  dueOn: string
  /** The order that pays it, if there is one. */
  order?: { no: string; href: string }
  accountMasked: string
  service: string
  biller: string
  holderMasked: string
  addressMasked: string
  boundCount: number
  /** Where no late fee can be asked for, for who may ask. */
  waiverHref?: string
  /** Where it is checked, or asked to be. */
  dispute?: { href: string; stage?: DisputeStage }
  bills: readonly {
    href: string
    periodLabel: string
    amountFen: number
    dueOn: string
    state: State
    order?: { no: string; href: string }
  }[]
  /** What the system before took for the account; absent without any. */
  past?: { rows: readonly PastRow[]; total: number; allHref: string }
  timeline: readonly TimelineView[]
}

/** One bill, and its account with all its bills. */
export function DeskBillPage({ view }: { view: DeskBillView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <div class="spread row--wrap">
        <h1>{t('staff.bill', { no: view.no })}</h1>
        <Tag tone={view.state.tone}>{view.state.text}</Tag>
        <span class="push">
          <Money fen={view.amountFen} size="lg" />
        </span>
      </div>
      <div class="deskgrid">
        <div class="stack">
          <Pane title={view.service}>
            <SummaryList
              rows={[
                { label: t('staff.col_period'), value: view.periodLabel },
                { label: t('staff.col_due'), value: day(ctx.lang, view.dueOn) },
                {
                  label: t('staff.kind_order'),
                  value: view.order ? <Linked to={{ ...view.order, text: view.order.no }} /> : t('staff.none'),
                },
                ...(view.dispute?.stage ? [{ label: t('staff.disputes'), value: <StageTag stage={view.dispute.stage} /> }] : []),
              ]}
            />
            {view.dispute && (
              <p>
                <a href={view.dispute.href}>{t(view.dispute.stage ? 'staff.dispute_see' : 'staff.dispute_ask')}</a>
              </p>
            )}
          </Pane>
          <Pane title={t('staff.account', { no: view.accountMasked })}>
            <SummaryList
              rows={[
                { label: t('staff.biller'), value: view.biller },
                { label: t('staff.holder'), value: view.holderMasked },
                { label: t('staff.address'), value: view.addressMasked },
                { label: t('staff.bound_by'), value: t('staff.bound_n', { n: view.boundCount }) },
              ]}
            />
            {view.waiverHref && (
              <p>
                <a href={view.waiverHref}>{t('rules.waiver_title')}</a>
              </p>
            )}
          </Pane>
          <div id="bills">
            <Pane title={t('staff.bills')}>
              <WideTable
                columns={[
                  { title: t('staff.col_period'), cell: (b: DeskBillView['bills'][number]) => <a href={b.href}>{b.periodLabel}</a> },
                  { title: t('staff.col_due'), cell: b => day(ctx.lang, b.dueOn) },
                  { title: t('staff.col_state'), cell: b => <Tag tone={b.state.tone}>{b.state.text}</Tag> },
                  { title: t('staff.kind_order'), cell: b => b.order && <a href={b.order.href}>{b.order.no}</a> },
                  { title: t('staff.col_amount'), cell: b => yuan(b.amountFen), numeric: true },
                ]}
                rows={view.bills}
              />
            </Pane>
          </div>
          {view.past && (
            <Pane title={t('past.title')} note={t('past.desk_note')}>
              <PastTable rows={view.past.rows} />
              {view.past.total > view.past.rows.length && (
                <p>
                  <a href={view.past.allHref}>{t('past.all', { n: view.past.total })}</a>
                </p>
              )}
            </Pane>
          )}
        </div>
        <TrailPane entries={view.timeline} />
      </div>
    </StaffLayout>
  )
}

export const deskBillPage = (ctx: StaffPageContext, view: DeskBillView): string =>
  renderStaffPage(ctx, <DeskBillPage view={view} />, { title: t(ctx.lang)('staff.bill', { no: view.no }) })

export interface StaffErrorView {
  status: 403 | 404 | 409 | 429 | 500 | 503
  requestId: string
}

const waitDefaultS = 60

/** Refusals in words for staff; a failure of ours reads the same to everybody. */
const errorWords = (lang: StaffPageContext['lang'], { status }: StaffErrorView): { title: string; text: string } =>
  status === 403 || status === 404 || status === 409
    ? { title: t(lang)(`staff.err_${status}_title`), text: t(lang)(`staff.err_${status}_text`) }
    : { title: t(lang)(`err.${status}.title`), text: t(lang)(`err.${status}.text`, { wait: duration(lang, waitDefaultS) }) }

export function StaffErrorPage({ view }: { view: StaffErrorView }) {
  const { ctx, t } = usePage()
  const { title, text } = errorWords(ctx.lang, view)
  return (
    <StaffLayout>
      <div class="deskbox card stack">
        <h1>{title}</h1>
        <p>{text}</p>
        <p class="t-3 t-sm">{t('err.request', { id: view.requestId })}</p>
      </div>
    </StaffLayout>
  )
}

export const staffErrorPage = (ctx: StaffPageContext, view: StaffErrorView): string =>
  renderStaffPage(ctx, <StaffErrorPage view={view} />, { title: errorWords(ctx.lang, view).title, hasError: true })
