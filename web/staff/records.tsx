import { dateTime, day, duration, yuan } from '#web/ui/format.ts'
import { ErrorSummary, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Button, Money, SummaryList, Table, Tag, type Tone } from '#web/ui/parts.tsx'
import { Timeline, type TimelineView } from '#web/ui/timeline.tsx'
import { RescuePane, type RescueView } from './rescues.tsx'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext } from './shell.tsx'

interface State {
  text: string
  tone?: Tone
}

/** A row of attempts, postings or refunds: what was asked of an outside party. */
export interface LegView {
  no: string
  /** Channel or biller. */
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
  bill: { text: string; href: string }
  account: { text: string; href: string }
  createdAt: Date
  attempts: readonly LegView[]
  postings: readonly LegView[]
  refunds: readonly LegView[]
  timeline: readonly TimelineView[]
  /** What this person may do now; nothing is shown that would be refused. */
  actions: readonly ActionView[]
  rescue?: RescueView
}

function Legs({ title, rows }: { title: string; rows: readonly LegView[] }) {
  const { ctx, t } = usePage()
  return (
    <Pane title={title}>
      {rows.length === 0 ? (
        <p class="t-3">{t('staff.none')}</p>
      ) : (
        <Table
          dense
          columns={[
            { title: t('staff.col_no'), cell: (r: LegView) => r.no },
            { title: t('staff.col_channel'), cell: r => r.party },
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
                { label: t('staff.kind_bill'), value: <a href={view.bill.href}>{view.bill.text}</a> },
                { label: t('staff.kind_account'), value: <a href={view.account.href}>{view.account.text}</a> },
                { label: t('staff.biller'), value: view.biller },
                { label: t('staff.payer'), value: view.payer },
                { label: t('staff.col_at'), value: dateTime(ctx.lang, view.createdAt) },
              ]}
            />
            {view.actions.length > 0 && (
              <div class="btns">
                {view.actions.map(a => (
                  <PostForm key={a.action} action={a.action} idempotencyKey={a.idempotencyKey}>
                    <Button kind={a.isDanger ? 'danger' : 'secondary'}>{a.label}</Button>
                  </PostForm>
                ))}
              </div>
            )}
          </Pane>
          {view.rescue && <RescuePane view={view.rescue} />}
          <Legs title={t('staff.attempts')} rows={view.attempts} />
          <Legs title={t('staff.postings')} rows={view.postings} />
          <Legs title={t('staff.refunds')} rows={view.refunds} />
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

export interface AccountView {
  accountMasked: string
  service: string
  biller: string
  holderMasked: string
  addressMasked: string
  state: State
  boundCount: number
  bills: readonly { href: string; periodLabel: string; amountFen: number; dueOn: string; state: State }[]
  payments: readonly { href: string; no: string; channel: string; amountFen: number; at: Date; state: State }[]
  timeline: readonly TimelineView[]
}

/** One account at a biller with its bills and payments. */
export function AccountPage({ view }: { view: AccountView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <div class="spread row--wrap">
        <h1>{t('staff.account', { no: view.accountMasked })}</h1>
        <span class="push">
          <Tag tone={view.state.tone}>{view.state.text}</Tag>
        </span>
      </div>
      <div class="deskgrid">
        <div class="stack">
          <Pane title={view.service}>
            <SummaryList
              rows={[
                { label: t('staff.biller'), value: view.biller },
                { label: t('staff.holder'), value: view.holderMasked },
                { label: t('staff.address'), value: view.addressMasked },
                { label: t('staff.bound_by'), value: t('staff.bound_n', { n: view.boundCount }) },
              ]}
            />
          </Pane>
          <Pane title={t('staff.bills')}>
            <Table
              dense
              columns={[
                { title: t('staff.col_period'), cell: (b: AccountView['bills'][number]) => <a href={b.href}>{b.periodLabel}</a> },
                { title: t('staff.col_due'), cell: b => day(ctx.lang, b.dueOn) },
                { title: t('staff.col_state'), cell: b => <Tag tone={b.state.tone}>{b.state.text}</Tag> },
                { title: t('staff.col_amount'), cell: b => yuan(b.amountFen), numeric: true },
              ]}
              rows={view.bills}
            />
          </Pane>
          <Pane title={t('staff.payments')}>
            <Table
              dense
              columns={[
                { title: t('staff.col_no'), cell: (p: AccountView['payments'][number]) => <a href={p.href}>{p.no}</a> },
                { title: t('staff.col_channel'), cell: p => p.channel },
                { title: t('staff.col_at'), cell: p => dateTime(ctx.lang, p.at) },
                { title: t('staff.col_state'), cell: p => <Tag tone={p.state.tone}>{p.state.text}</Tag> },
                { title: t('staff.col_amount'), cell: p => yuan(p.amountFen), numeric: true },
              ]}
              rows={view.payments}
            />
          </Pane>
        </div>
        <TrailPane entries={view.timeline} />
      </div>
    </StaffLayout>
  )
}

export const accountPage = (ctx: StaffPageContext, view: AccountView): string =>
  renderStaffPage(ctx, <AccountPage view={view} />, { title: t(ctx.lang)('staff.account', { no: view.accountMasked }) })

export interface StaffErrorView {
  status: 403 | 404 | 409 | 429 | 500 | 503
  requestId: string
}

const waitDefaultS = 60

export function StaffErrorPage({ view }: { view: StaffErrorView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <div class="deskbox card stack">
        <h1>{t(`err.${view.status}.title`)}</h1>
        <p>{t(`err.${view.status}.text`, { wait: duration(ctx.lang, waitDefaultS) })}</p>
        <p class="t-3 t-sm">{t('err.request', { id: view.requestId })}</p>
      </div>
    </StaffLayout>
  )
}

export const staffErrorPage = (ctx: StaffPageContext, view: StaffErrorView): string =>
  renderStaffPage(ctx, <StaffErrorPage view={view} />, { title: t(ctx.lang)(`err.${view.status}.title`), hasError: true })
