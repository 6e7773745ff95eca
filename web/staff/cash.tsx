import { PartChosen, PartForm, type PartsView } from '#web/resident/part.tsx'
import { dateTime, day, yuan } from '#web/ui/format.ts'
import { ErrorSummary, Field, type FieldError, Hidden, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { usePage } from '#web/ui/page.tsx'
import { Banner, Button, Empty, LinkButton, Money, SummaryList, Tag } from '#web/ui/parts.tsx'
import { staffPaths } from './paths.ts'
import { Pane, renderStaffPage, StaffLayout, type StaffPageContext, WideTable } from './shell.tsx'

type Values = Readonly<Record<string, string | undefined>>

/** Pieces of each denomination, empty for none. */
function CountFields({
  denominations,
  values,
  errors,
}: {
  denominations: readonly number[]
  values?: Values
  errors?: readonly FieldError[]
}) {
  const { t } = usePage()
  return (
    <div class="counts">
      {denominations.map(fen => (
        <Field
          key={fen}
          name={`d${fen}`}
          label={t('cash.pieces', { value: fen >= 100 ? t('cash.yuan', { n: fen / 100 }) : t('cash.jiao', { n: fen / 10 }) })}
          value={values?.[`d${fen}`]}
          inputMode="numeric"
          maxLength={6}
          errors={errors}
        />
      ))}
    </div>
  )
}

export interface CountFormView {
  denominations: readonly number[]
  values?: Values
  errors?: readonly FieldError[]
}

/** Beginning of a turn: which drawer, and what is in it. */
export function OpenDrawerPage({ view }: { view: CountFormView & { drawer: string } }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <ErrorSummary errors={view.errors} />
      <h1>{t('cash.open')}</h1>
      <Pane title={t('cash.count')} note={t('cash.open_note')}>
        <PostForm action={staffPaths.cashOpen} class="stack">
          <Field
            name="drawer"
            label={t('cash.drawer')}
            hint={t('cash.drawer_hint')}
            value={view.drawer}
            maxLength={20}
            errors={view.errors}
          />
          <CountFields denominations={view.denominations} values={view.values} errors={view.errors} />
          <div class="btns">
            <Button>{t('cash.open_do')}</Button>
          </div>
        </PostForm>
      </Pane>
    </StaffLayout>
  )
}

export interface CashBillRow {
  href: string
  no: string
  text: string
  account: string
  dueOn: string
  amountFen: number
}

export interface MoveView {
  seq: number
  href: string
  text: string
  at: Date
  amountFen: number
  /** Where it can be asked to be voided. */
  voidHref?: string
  /** That was asked, or agreed. */
  voided?: 'asked' | 'agreed'
  /** Another amount than was due: a person decides. */
  isOdd?: boolean
}

export interface PayoutView {
  refundId: string
  href: string
  text: string
  cause: string
  amountFen: number
}

export interface CashDeskView {
  drawer: string
  openedAt: Date
  taken: number
  query: string
  /** Undefined before a search. */
  found?: readonly CashBillRow[]
  moves: readonly MoveView[]
  payouts: readonly PayoutView[]
  notice?: CashNotice
}

export const CASH_NOTICES = ['opened', 'void_asked', 'paid_out', 'payout_gone'] as const
export type CashNotice = (typeof CASH_NOTICES)[number]

/** Money of a time without network that this device has not handed over yet; shown by script, which counts it. */
export function PendingBanner({ kind }: { kind: 'desk' | 'closed' }) {
  const { t } = usePage()
  return (
    <div data-offline={kind}>
      <div data-waits hidden>
        <Banner tone="warn" title={t('cash.off_pending')}>
          <p>
            <b data-pending>0</b> {t('cash.off_pending_text')}
          </p>
        </Banner>
      </div>
    </div>
  )
}

/** The field a scanner types into; ready for the next payer. */
function ScanForm({ query }: { query: string }) {
  const { t } = usePage()
  return (
    <form class="scan" action={staffPaths.cash}>
      <label class="legend" for="scan">
        {t('cash.scan')}
      </label>
      <input class="input" id="scan" name="q" value={query} maxLength={400} autoComplete="off" autofocus />
      <Button>{t('cash.find')}</Button>
    </form>
  )
}

function Payouts({ rows }: { rows: readonly PayoutView[] }) {
  const { t } = usePage()
  return (
    <Pane title={t('cash.payouts')} note={t('cash.payouts_note')}>
      <WideTable
        columns={[
          { title: t('staff.col_what'), cell: (r: PayoutView) => <a href={r.href}>{r.text}</a> },
          { title: t('staff.col_why'), cell: r => r.cause },
          { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
          {
            title: t('cash.payout_do'),
            cell: r => (
              <PostForm action={staffPaths.cashPayout}>
                <Hidden name="refund" value={r.refundId} />
                <Button kind="secondary">
                  {t('cash.payout_done')}
                  <span class="unseen">
                    {r.text} {yuan(r.amountFen)}
                  </span>
                </Button>
              </PostForm>
            ),
          },
        ]}
        rows={rows}
      />
    </Pane>
  )
}

/** A cashier's screen between two payers. What should be in the drawer is not on it: the closing count is blind. */
export function CashDeskPage({ view }: { view: CashDeskView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <PendingBanner kind="desk" />
      <div class="spread row--wrap">
        <h1>{t('cash.desk_title', { drawer: view.drawer })}</h1>
        <span class="t-2">{t('cash.since', { at: dateTime(ctx.lang, view.openedAt), n: view.taken })}</span>
        <span class="push btns">
          <LinkButton href={staffPaths.cardPayouts} kind="link">
            {t('card_desk.payouts')}
          </LinkButton>
          <LinkButton href={staffPaths.cashOffline} kind="link">
            {t('cash.off_link')}
          </LinkButton>
          <LinkButton href={staffPaths.cashClose} kind="secondary">
            {t('cash.close')}
          </LinkButton>
        </span>
      </div>
      {view.notice && <Banner tone={view.notice === 'payout_gone' ? 'warn' : 'ok'} title={t(`cash.notice_${view.notice}`)} live />}
      <div class="card pane">
        <ScanForm query={view.query} />
        {view.found && view.found.length === 0 && (
          <Empty title={t('cash.found_none')}>
            <p>{t('cash.found_none_text')}</p>
          </Empty>
        )}
        {view.found && view.found.length > 0 && (
          <WideTable
            columns={[
              { title: t('staff.kind_bill'), cell: (r: CashBillRow) => <a href={r.href}>{r.text}</a> },
              { title: t('staff.col_no'), cell: r => r.no },
              { title: t('staff.kind_account'), cell: r => r.account },
              { title: t('cash.due'), cell: r => day(ctx.lang, r.dueOn) },
              { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
            ]}
            rows={view.found}
          />
        )}
      </div>
      {view.payouts.length > 0 && <Payouts rows={view.payouts} />}
      {view.moves.length > 0 && (
        <Pane title={t('cash.moves')}>
          <WideTable
            columns={[
              { title: t('cash.seq'), cell: (r: MoveView) => r.seq },
              {
                title: t('staff.col_what'),
                cell: r => (
                  <>
                    <a href={r.href}>{r.text}</a> {r.isOdd && <Tag tone="bad">{t('staff.state_odd')}</Tag>}
                  </>
                ),
              },
              { title: t('staff.col_at'), cell: r => dateTime(ctx.lang, r.at) },
              { title: t('staff.col_amount'), cell: r => yuan(r.amountFen), numeric: true },
              {
                title: t('cash.void'),
                cell: r =>
                  r.voided ? (
                    <Tag tone={r.voided === 'asked' ? 'warn' : undefined}>{t(`cash.void_${r.voided}`)}</Tag>
                  ) : (
                    r.voidHref && (
                      <a href={r.voidHref}>
                        {t('cash.void_ask')}
                        <span class="unseen"> {r.seq}</span>
                      </a>
                    )
                  ),
              },
            ]}
            rows={view.moves}
          />
        </Pane>
      )}
    </StaffLayout>
  )
}

export interface CashBillView {
  what: string
  biller: string
  holder: string
  account: string
  amountFen: number
  lateFeeFen: number
  parts?: PartsView
  dueOn: string
  /** What it is made up of, for who may see it. */
  linesHref?: string
  warnings: readonly { text: string; href?: string }[]
  /** Why it cannot be taken. */
  stop?: string
  action: string
  /** Where the same is taken by card. */
  cardHref: string
  quote: string
  idempotencyKey: string
  tendered?: string
  errors?: readonly FieldError[]
}

/** One bill at the window: what is due, and how much the payer put down. */
export function CashBillPage({ view }: { view: CashBillView }) {
  const { ctx, t } = usePage()
  return (
    <StaffLayout>
      <ErrorSummary errors={view.errors} />
      <div class="spread row--wrap">
        <h1>{view.what}</h1>
        <span class="push">
          <Money fen={view.amountFen} size="xl" />
        </span>
      </div>
      <Pane title={t('cash.take')} note={t('cash.take_note')}>
        <SummaryList
          rows={[
            { label: t('staff.biller'), value: view.biller },
            { label: t('staff.kind_account'), value: view.account },
            { label: t('cash.holder'), value: view.holder },
            { label: t('cash.due'), value: day(ctx.lang, view.dueOn) },
            ...(view.lateFeeFen > 0 ? [{ label: t('cash.late_fee'), value: yuan(view.lateFeeFen) }] : []),
            ...(view.linesHref ? [{ label: t('bill.lines'), value: <a href={view.linesHref}>{t('cash.see_lines')}</a> }] : []),
          ]}
        />
        {view.parts?.chosen && <PartChosen chosen={view.parts.chosen} />}
        {view.warnings.map(({ text, href }) => (
          <Banner key={text} tone="warn" title={text}>
            {href && (
              <LinkButton href={href} kind="link">
                {t('precheck.older_open_link')}
              </LinkButton>
            )}
          </Banner>
        ))}
        {view.stop ? (
          <Banner tone="bad" title={view.stop} />
        ) : (
          <PostForm action={view.action} class="stack" quote={view.quote} idempotencyKey={view.idempotencyKey}>
            <Field
              name="tendered"
              label={t('cash.tendered')}
              hint={t('cash.tendered_hint', { amount: yuan(view.amountFen) })}
              value={view.tendered}
              inputMode="decimal"
              maxLength={16}
              autoFocus
              errors={view.errors}
            />
            <div class="btns">
              <Button>{t('cash.take_do')}</Button>
              <LinkButton href={view.cardHref} kind="secondary">
                {t('card_desk.title')}
              </LinkButton>
              <LinkButton href={staffPaths.cash} kind="secondary">
                {t('cash.back')}
              </LinkButton>
            </div>
          </PostForm>
        )}
      </Pane>
      {!view.stop && view.parts?.offer && <PartForm offer={view.parts.offer} />}
    </StaffLayout>
  )
}

export interface CashDoneView {
  what: string
  amountFen: number
  tenderedFen: number
  changeFen: number
  receiptNo: string
  /** Of a part: what the bill still asks for. */
  leftFen?: number
  printHref: string
  orderHref: string
}

/** The change, as large as it is important, the receipt, and the next payer. */
export function CashDonePage({ view }: { view: CashDoneView }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <h1>{t('cash.change')}</h1>
      <div class="card pane change" role="status">
        <Money fen={view.changeFen} size="xl" />
        <p>{t('cash.change_of', { tendered: yuan(view.tenderedFen), amount: yuan(view.amountFen) })}</p>
        <p class="t-2">
          {view.what}，{view.receiptNo}
        </p>
        {view.leftFen !== undefined && <p>{t('part.receipt_left', { amount: yuan(view.leftFen) })}</p>}
        <div class="btns">
          <LinkButton href={view.printHref}>{t('cash.print')}</LinkButton>
          <LinkButton href={view.orderHref} kind="secondary">
            {t('staff.break_order')}
          </LinkButton>
        </div>
      </div>
      <div class="card pane">
        <ScanForm query="" />
      </div>
    </StaffLayout>
  )
}

/** End of a turn: what is in the drawer, counted without knowing what should be. */
export function CloseDrawerPage({ view }: { view: CountFormView & { drawer: string; payouts: number } }) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <ErrorSummary errors={view.errors} />
      <h1>{t('cash.close_title', { drawer: view.drawer })}</h1>
      {view.payouts > 0 && <Banner tone="warn" title={t('cash.close_payouts', { n: view.payouts })} />}
      <div class="stack" data-offline="close">
        <div data-waits hidden>
          <Banner tone="warn" title={t('cash.off_pending')} live>
            <p>
              <b data-pending>0</b> {t('cash.off_close')}
            </p>
          </Banner>
        </div>
        <Pane title={t('cash.count')} note={t('cash.close_note')}>
          <PostForm action={staffPaths.cashClose} class="stack">
            <CountFields denominations={view.denominations} values={view.values} errors={view.errors} />
            <div class="btns">
              <Button>{t('cash.close_do')}</Button>
              <LinkButton href={staffPaths.cash} kind="secondary">
                {t('cash.back')}
              </LinkButton>
            </div>
          </PostForm>
        </Pane>
      </div>
    </StaffLayout>
  )
}

/** Asking to void one's own payment; field `reason`. */
export function AskVoidPage({
  view,
}: {
  view: { what: string; amountFen: number; action: string; errors?: readonly FieldError[]; reason?: string }
}) {
  const { t } = usePage()
  return (
    <StaffLayout>
      <ErrorSummary errors={view.errors} />
      <h1>{t('cash.void_title', { amount: yuan(view.amountFen) })}</h1>
      <Pane title={view.what} note={t('cash.void_note')}>
        <PostForm action={view.action} class="stack">
          <Field name="reason" label={t('staff.col_why')} value={view.reason} maxLength={100} autoFocus errors={view.errors} />
          <div class="btns">
            <Button>{t('cash.void_do')}</Button>
            <LinkButton href={staffPaths.cash} kind="secondary">
              {t('cash.back')}
            </LinkButton>
          </div>
        </PostForm>
      </Pane>
    </StaffLayout>
  )
}

const page =
  <V,>(Page: (props: { view: V }) => ReturnType<typeof CashDeskPage>, titleOf: (say: ReturnType<typeof t>, view: V) => string) =>
  (ctx: StaffPageContext, view: V): string =>
    renderStaffPage(ctx, <Page view={view} />, { title: titleOf(t(ctx.lang), view), scripts: ['offline.js'] })

export const openDrawerPage = page(OpenDrawerPage, say => say('cash.open'))
export const cashDeskPage = page(CashDeskPage, (say, view) => say('cash.desk_title', { drawer: view.drawer }))
export const cashBillPage = page(CashBillPage, (_, view) => view.what)
export const cashDonePage = page(CashDonePage, say => say('cash.change'))
export const closeDrawerPage = page(CloseDrawerPage, (say, view) => say('cash.close_title', { drawer: view.drawer }))
export const askVoidPage = page(AskVoidPage, (say, view) => say('cash.void_title', { amount: yuan(view.amountFen) }))
