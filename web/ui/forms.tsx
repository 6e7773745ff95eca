import type { ComponentChildren } from 'preact'
import { yuan } from './format.ts'
import { hasMessage } from './messages.ts'
import { usePage } from './page.tsx'
import { Button, Icon } from './parts.tsx'

/** Names of the hidden fields every form handler reads. */
export const fieldNames = { csrf: 'csrf', idempotencyKey: 'idempotency_key', quote: 'quote', back: 'back' } as const

export const Hidden = ({ name, value }: { name: string; value: string }) => <input type="hidden" name={name} value={value} />

/** A form that posts to its own service with the token of the visit. */
export function PostForm(props: {
  action: string
  id?: string
  class?: string
  idempotencyKey?: string
  quote?: string
  /** A file is sent along. */
  hasFile?: boolean
  children: ComponentChildren
}) {
  const { ctx } = usePage()
  return (
    <form
      method="post"
      action={props.action}
      id={props.id}
      class={props.class}
      enctype={props.hasFile ? 'multipart/form-data' : undefined}
      novalidate
    >
      <Hidden name={fieldNames.csrf} value={ctx.csrf} />
      {props.idempotencyKey && <Hidden name={fieldNames.idempotencyKey} value={props.idempotencyKey} />}
      {props.quote && <Hidden name={fieldNames.quote} value={props.quote} />}
      {props.children}
    </form>
  )
}

export interface FieldError {
  /** Name of the field the words belong to. */
  field: string
  text: string
}

const errorOf = (errors: readonly FieldError[] | undefined, name: string) => errors?.find(e => e.field === name)?.text

/** List of what must change, first on the page, each entry a link to its field. */
export function ErrorSummary({ errors }: { errors: readonly FieldError[] | undefined }) {
  const { t } = usePage()
  if (!errors?.length) return null
  return (
    <div class="errors" role="alert" tabIndex={-1} autofocus>
      <h2>{t('errors.title', { n: errors.length })}</h2>
      <ul>
        {errors.map(e => (
          <li key={e.field}>
            <a href={`#${e.field}`}>{e.text}</a>
          </li>
        ))}
      </ul>
    </div>
  )
}

export interface FieldProps {
  name: string
  label: string
  hint?: string
  value?: string
  optional?: boolean
  errors?: readonly FieldError[]
  type?: 'tel' | 'password'
  inputMode?: 'numeric' | 'decimal' | 'text' | 'tel'
  autoComplete?: 'off' | 'tel' | 'one-time-code' | 'username' | 'current-password' | 'new-password'
  maxLength?: number
  rows?: number
  /** The one field a person types into next. */
  autoFocus?: boolean
}

function FieldFrame(props: { name: string; error?: string; label: ComponentChildren; hint?: string; children: ComponentChildren }) {
  const { t } = usePage()
  return (
    <div class={`field${props.error ? ' field--error' : ''}`}>
      {props.label}
      {props.hint && (
        <p class="hint" id={`${props.name}-hint`}>
          {props.hint}
        </p>
      )}
      {props.error && (
        <p class="field__error" id={`${props.name}-error`}>
          {t('error.prefix')}
          {props.error}
        </p>
      )}
      {props.children}
    </div>
  )
}

const describedBy = (name: string, hint: string | undefined, error: string | undefined) =>
  [hint && `${name}-hint`, error && `${name}-error`].filter(Boolean).join(' ') || undefined

type Common = { id: string; name: string; maxLength: number; 'aria-describedby': string | undefined; 'aria-invalid': boolean }

function OneLine({ type, value = '', inputMode, autoComplete = 'off', autoFocus, common }: FieldProps & { common: Common }) {
  const rest = { ...common, class: 'input', value, inputMode, autoComplete, ...(autoFocus && { autofocus: true }) }
  if (type === 'password') return <input type="password" {...rest} />
  return type === 'tel' ? <input type="tel" {...rest} /> : <input type="text" {...rest} />
}

/** One text field. What was typed stays; the server reads spaces, hyphens and full-width digits. */
export function Field(props: FieldProps) {
  const { t } = usePage()
  const { name, hint } = props
  const error = errorOf(props.errors, name)
  const common = {
    id: name,
    name,
    maxLength: props.maxLength ?? 200,
    'aria-describedby': describedBy(name, hint, error),
    'aria-invalid': !!error,
  }
  const label = (
    <label for={name}>
      {props.label}
      {props.optional && <span class="t-3">{t('field.optional')}</span>}
    </label>
  )
  return (
    <FieldFrame name={name} error={error} hint={hint} label={label}>
      {props.rows ? (
        <textarea class="input" rows={props.rows} {...common}>
          {props.value}
        </textarea>
      ) : (
        <OneLine {...props} common={common} />
      )}
    </FieldFrame>
  )
}

/** A file from this device, by the browser's own chooser. */
export function FileField(props: {
  name: string
  /** Where two fields of a page have the same name. */
  id?: string
  label: string
  hint: string
  accept: string
  /** Straight to the camera that looks away from the person. */
  isCamera?: boolean
  errors?: readonly FieldError[]
}) {
  const error = errorOf(props.errors, props.name)
  const id = props.id ?? props.name
  return (
    <FieldFrame name={id} error={error} hint={props.hint} label={<label for={id}>{props.label}</label>}>
      <input
        type="file"
        class="input input--file"
        id={id}
        name={props.name}
        accept={props.accept}
        capture={props.isCamera ? 'environment' : undefined}
        aria-describedby={describedBy(id, props.hint, error)}
        aria-invalid={!!error}
      />
    </FieldFrame>
  )
}

export interface Choice {
  value: string
  label: string
  note?: string
}

/** Radio buttons in boxes. `chosen` is set only when the answer is known; consent is never pre-ticked. */
export function Choices(props: {
  name: string
  legend: string
  legendUnseen?: boolean
  choices: readonly Choice[]
  chosen?: string
  errors?: readonly FieldError[]
  /** Id of the form these belong to when they stand outside it. */
  form?: string
  /** What a person answers next: the blank chooses, Enter sends. */
  autoFocus?: boolean
  /** Short labels side by side where there is room; at the desk. */
  isDense?: boolean
}) {
  const { t } = usePage()
  const error = errorOf(props.errors, props.name)
  return (
    <fieldset
      class={`choices choices--box${props.isDense ? ' choices--grid' : ''}${error ? ' field--error' : ''}`}
      aria-describedby={error ? `${props.name}-error` : undefined}
    >
      <legend class={props.legendUnseen ? 'unseen' : 'legend'}>{props.legend}</legend>
      {error && (
        <p class="field__error" id={`${props.name}-error`}>
          {t('error.prefix')}
          {error}
        </p>
      )}
      {props.choices.map((c, i) => (
        <label class="choice" key={c.value}>
          <input
            type="radio"
            id={i === 0 ? props.name : `${props.name}-${i}`}
            name={props.name}
            value={c.value}
            checked={c.value === props.chosen}
            form={props.form}
            {...(props.autoFocus && !props.errors?.length && (props.chosen ? c.value === props.chosen : i === 0) && { autofocus: true })}
          />
          <span class="choice__text">
            {c.label}
            {c.note && <small>{c.note}</small>}
          </span>
        </label>
      ))}
    </fieldset>
  )
}

/** A box somebody ticks to agree; never ticked beforehand. */
export function ConsentBox(props: { name: string; label: string; errors?: readonly FieldError[] }) {
  const { t } = usePage()
  const error = errorOf(props.errors, props.name)
  return (
    <div class={`choices choices--box${error ? ' field--error' : ''}`}>
      {error && (
        <p class="field__error" id={`${props.name}-error`}>
          {t('error.prefix')}
          {error}
        </p>
      )}
      <label class="choice">
        <input
          type="checkbox"
          id={props.name}
          name={props.name}
          value="yes"
          aria-describedby={error ? `${props.name}-error` : undefined}
          aria-invalid={!!error}
        />
        <span class="choice__text">{props.label}</span>
      </label>
    </div>
  )
}

/** The one primary button, always in reach at the lower edge; says what happens and how much. */
export function PayBar(props: {
  form: string
  label: string
  amountFen: number
  /** Ways the form offers: a style sheet that can shows the one chosen. */
  ways?: readonly { id: string }[]
}) {
  const { t } = usePage()
  const { form, label, amountFen, ways = [] } = props
  return (
    <div class="paybar">
      <button type="submit" class="btn btn--wide btn--big" form={form}>
        <Icon name="lock" />
        <span>
          {label}
          {ways.map(({ id }) => {
            const key = `way.${id}`
            return (
              hasMessage(key) && (
                <span class="payway" data-way={id} key={id}>
                  {t('pay.by', { way: t(key) })}
                </span>
              )
            )
          })}{' '}
          <span class="keep">{t('home.due_amount', { amount: yuan(amountFen) })}</span>
        </span>
      </button>
    </div>
  )
}

/** One question, one button. */
export function QuestionForm(props: { action: string; button?: string; children: ComponentChildren; idempotencyKey?: string }) {
  const { t } = usePage()
  return (
    <PostForm action={props.action} class="stack stack--loose" idempotencyKey={props.idempotencyKey}>
      {props.children}
      <Button wide big>
        {props.button ?? t('action.continue')}
      </Button>
    </PostForm>
  )
}
