// Evaluates `when` conditions as the controller of Argo Workflows 4.1.2 does, with the modules of its go.mod.
//
// It reads a JSON object a line, {"expression": "{{= … }}", "env": {"workflow.parameters.x": "1", …}}, and answers each
// with a line {"value": true} or {"error": "…"}.
//
// A condition goes through the same stations as in the controller. When the template of the DAG is read, expressions
// that need nothing but the workflow's own variables become text and all others stay. When the task is next, the rest
// become text too. What is then left is an expression of another language, and that one's result counts.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"

	"github.com/Knetic/govaluate"
	"github.com/Masterminds/sprig/v3"
	"github.com/doublerebel/bellows"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"
	"github.com/valyala/fasttemplate"
)

type question struct {
	Expression string            `json:"expression"`
	Env        map[string]string `json:"env"`
}

type answer struct {
	Value *bool  `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	lines := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	answers := json.NewEncoder(out)
	for {
		var asked question
		if err := lines.Decode(&asked); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		value, err := decide(asked.Expression, asked.Env)
		if err != nil {
			_ = answers.Encode(answer{Error: err.Error()})
		} else {
			_ = answers.Encode(answer{Value: &value})
		}
	}
}

// decide is the whole way of a condition: substituteParams in workflow/common/util.go replaces twice, then
// resolveDependencyReferences in workflow/controller/dag.go once more.
func decide(when string, variables map[string]string) (bool, error) {
	global := map[string]any{}
	all := map[string]any{}
	for name, value := range variables {
		all[name] = value
		if strings.HasPrefix(name, "workflow.") {
			global[name] = value
		}
	}
	for _, round := range []struct {
		known           map[string]any
		allowUnresolved bool
	}{{global, true}, {global, true}, {all, false}} {
		replaced, err := replace(when, round.known, round.allowUnresolved)
		if err != nil {
			return false, err
		}
		when = replaced
	}
	return shouldExecute(when)
}

// replace is Replace in util/template: text is replaced where it stands in JSON.
func replace(text string, known map[string]any, allowUnresolved bool) (string, error) {
	quoted, err := json.Marshal(text)
	if err != nil {
		return "", err
	}
	template, err := fasttemplate.NewTemplate(string(quoted), "{{", "}}")
	if err != nil {
		return "", err
	}
	env := funcMap(known)
	var written strings.Builder
	_, err = template.ExecuteFunc(&written, func(w io.Writer, tag string) (int, error) {
		expression, found := strings.CutPrefix(tag, "=")
		if !found {
			return replaceSimple(w, tag, known)
		}
		return replaceExpression(w, fix(expression), env, allowUnresolved)
	})
	if err != nil {
		return "", err
	}
	var result string
	if err := json.Unmarshal([]byte(written.String()), &result); err != nil {
		return "", fmt.Errorf("cannot finish template replacement because the result was invalid JSON: %w", err)
	}
	return result, nil
}

// replaceSimple is simpleReplaceStrict: a name between braces.
func replaceSimple(w io.Writer, tag string, known map[string]any) (int, error) {
	value, ok := known[strings.TrimSpace(tag)].(string)
	if !ok {
		return fmt.Fprintf(w, "{{%s}}", tag)
	}
	return io.WriteString(w, inside(strconv.Quote(value)))
}

// replaceExpression is expressionReplaceCore.
func replaceExpression(w io.Writer, expression string, env map[string]any, allowUnresolved bool) (int, error) {
	result, err := run(expression, env)
	if err != nil && allowUnresolved {
		return fmt.Fprintf(w, "{{=%s}}", expression)
	}
	if err != nil {
		return 0, fmt.Errorf("failed to evaluate expression: %w", err)
	}
	marshaled, err := json.Marshal(result)
	if err != nil {
		return 0, fmt.Errorf("failed to marshal evaluated expression: %w", err)
	}
	if len(marshaled) > 1 && marshaled[0] == '"' {
		return io.WriteString(w, inside(string(marshaled)))
	}
	return io.WriteString(w, inside(strconv.Quote(string(marshaled))))
}

func run(expression string, env map[string]any) (any, error) {
	var unescaped string
	if err := json.Unmarshal([]byte(`"`+expression+`"`), &unescaped); err != nil {
		return nil, err
	}
	program, err := expr.Compile(unescaped, expr.Env(env))
	if err != nil {
		return nil, err
	}
	result, err := expr.Run(program, env)
	if err == nil && result == nil {
		return nil, errors.New("the expression is nil")
	}
	return result, err
}

func inside(quoted string) string {
	return quoted[1 : len(quoted)-1]
}

// fix is Fix in util/json.
func fix(text string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(text)
}

// funcMap is GetFuncMap in util/expr/env, without the functions that no condition calls.
func funcMap(known map[string]any) map[string]any {
	env := bellows.Expand(withoutConflicts(known))
	env["asInt"] = builtin.Int
	env["asFloat"] = builtin.Float
	env["sprig"] = functions
	return env
}

var functions = sprig.GenericFuncMap()

// withoutConflicts is removeConflicts in util/expand: of "a" and "a.b" only the latter stays.
func withoutConflicts(known map[string]any) map[string]any {
	names := make([]string, 0, len(known))
	kept := map[string]any{}
	for name, value := range known {
		names = append(names, name)
		kept[name] = value
	}
	sort.Strings(names)
	for i := 0; i+1 < len(names); i++ {
		if strings.HasPrefix(names[i+1], names[i]+".") {
			delete(kept, names[i])
		}
	}
	return kept
}

// shouldExecute is shouldExecute in workflow/controller/steps.go.
func shouldExecute(when string) (bool, error) {
	expression, err := govaluate.NewEvaluableExpression(when)
	if err != nil {
		return false, fmt.Errorf("invalid 'when' expression '%s': %w", when, err)
	}
	tokens := expression.Tokens()
	for i := range tokens {
		if tokens[i].Kind == govaluate.VARIABLE {
			tokens[i].Kind = govaluate.STRING
		}
	}
	expression, err = govaluate.NewEvaluableExpressionFromTokens(tokens)
	if err != nil {
		return false, fmt.Errorf("failed to parse 'when' expression '%s': %w", when, err)
	}
	result, err := expression.Evaluate(nil)
	if err != nil {
		return false, fmt.Errorf("failed to evaluate 'when' expression '%s': %w", when, err)
	}
	value, ok := result.(bool)
	if !ok {
		return false, fmt.Errorf("expected boolean evaluation for '%s', got %v", when, result)
	}
	return value, nil
}
