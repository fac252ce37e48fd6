package server_test

import (
	"encoding/json"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"emulator/api"
	"emulator/api/model"
)

// TestEveryErrorIsDeclared reads the services' source: of each error that can be reached from an operation's
// function, the operation's model declares the code, or every operation may return it. Any other would
// reach the client as InternalFailure. An error has the members that the model gives it besides its message, and no
// others, with values that the model knows.
func TestEveryErrorIsDeclared(t *testing.T) {
	source := load(t)
	operations, unused := 0, make(map[string]bool)
	for key := range notReturned {
		unused[key] = true
	}
	for _, o := range source.operations {
		m, err := model.Load(o.service)
		if err != nil {
			t.Fatal(err)
		}
		declared := make(map[string]*model.Shape)
		for _, e := range m.Operations[o.name].Errors {
			declared[e.Name], declared[e.Error.Code] = e, e
		}
		operations++
		reached := make(map[string]string)
		source.reach(o.root, make(map[any]bool), reached)
		if reached["AccessDenied"] == "" && !slices.Contains(needsNoPermission, o.name) {
			t.Errorf("%s %s reaches %v only: is it read?", o.service, o.name, slices.Sorted(maps.Keys(reached)))
		}
		for _, made := range slices.Sorted(maps.Keys(reached)) {
			code, members, _ := strings.Cut(made, " with ")
			if shape := declared[code]; shape != nil {
				if wrong := checkMembers(shape, members); wrong != "" {
					t.Errorf("%s %s: %s at %s %s", o.service, o.name, code, reached[made], wrong)
				}
				continue
			}
			if _, ok := api.Common[code]; ok && members == "" {
				continue
			}
			if key := o.service + " " + o.name + " " + code; unused[key] {
				delete(unused, key)
			} else {
				t.Errorf("%s %s: %s at %s", o.service, o.name, made, reached[made])
			}
		}
	}
	for key := range unused {
		t.Errorf("%s is not reached any more", key)
	}
	if operations < 150 {
		t.Errorf("%d operations are found", operations)
	}
}

// checkMembers tells what is wrong with the members that an error is given, "Reason=INVALID_NEXT_TOKEN", besides its message.
func checkMembers(shape *model.Shape, given string) string {
	values := make(map[string]string)
	for pair := range strings.FieldsSeq(given) {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	for _, m := range shape.Members {
		if strings.EqualFold(m.Name, "message") {
			continue
		}
		value, ok := values[m.Name]
		if !ok {
			return "has no " + m.Name
		}
		if len(m.Shape.Enum) > 0 && !slices.Contains(m.Shape.Enum, value) {
			return "has a " + m.Name + " that the model has not: " + value
		}
		delete(values, m.Name)
	}
	for name := range values {
		return "has a member that the model has not: " + name
	}
	return ""
}

// notReturned are errors that an operation's function seems to reach, and why it does not return them.
var notReturned = map[string]string{
	"iam AttachGroupPolicy UnmodifiableEntity":                "of roles only",
	"iam AttachUserPolicy UnmodifiableEntity":                 "of roles only",
	"iam DeleteGroupPolicy UnmodifiableEntity":                "of roles only",
	"iam DeleteUserPolicy UnmodifiableEntity":                 "of roles only",
	"iam DetachGroupPolicy UnmodifiableEntity":                "of roles only",
	"iam DetachUserPolicy UnmodifiableEntity":                 "of roles only",
	"iam PutGroupPolicy UnmodifiableEntity":                   "of roles only",
	"iam PutUserPolicy UnmodifiableEntity":                    "of roles only",
	"iam AcceptDelegationRequest InvalidInput":                "another code stands for it there",
	"iam CreateDelegationRequest MalformedPolicyDocument":     "the template makes InvalidInput of it",
	"iam GetAccessKeyLastUsed NoSuchEntity":                   "of the user of a key, which goes with its keys",
	"iam GetAccountAuthorizationDetails InvalidInput":         "of an ARN, which was good when it was stored",
	"iam ListPolicies InvalidInput":                           "of an ARN, which was good when it was stored",
	"sts AssumeRoot PackedPolicyTooLarge":                     "its sessions have no tags, and one short policy",
	"sts GetSessionToken PackedPolicyTooLarge":                "its sessions have neither policies nor tags",
	"sts AssumeRoleWithSAML InvalidInput":                     "of metadata, which was good when it was stored",
	"kms CreateKey MalformedPolicyDocument":                   "MalformedPolicyDocumentException is made of it",
	"kms ReplicateKey MalformedPolicyDocument":                "MalformedPolicyDocumentException is made of it",
	"kms PutKeyPolicy MalformedPolicyDocument":                "MalformedPolicyDocumentException is made of it",
	"cloudhsmv2 PutResourcePolicy MalformedPolicyDocument":    "CloudHsmInvalidRequestException is made of it",
	"kms DescribeKey InvalidGrantTokenException":              "ValidationError is made of it",
	"organizations PutResourcePolicy MalformedPolicyDocument": "InvalidInputException is made of it",
}

// source is the module's packages as a graph: which functions and variables each function mentions, and
// which codes it makes errors of.
type source struct {
	nodes      map[any]*mention // by the *types.Func or *types.Var
	methods    []*types.Func    // that an interface may stand for
	operations []operation
}

type operation struct {
	service, name string
	root          *mention
}

type mention struct {
	of    []types.Object
	codes map[string]string // and where
	// codeParameter is the index of a parameter that is the code of an error, -1 if none is
	codeParameter int
}

// reach collects the codes below a node.
func (s *source) reach(m *mention, seen map[any]bool, codes map[string]string) {
	if m == nil {
		return
	}
	maps.Copy(codes, m.codes)
	for _, object := range m.of {
		if seen[object] {
			continue
		}
		seen[object] = true
		s.reach(s.nodes[object], seen, codes)
		f, ok := object.(*types.Func)
		if !ok || f.Signature().Recv() == nil {
			continue
		}
		if i, ok := f.Signature().Recv().Type().Underlying().(*types.Interface); ok {
			for _, method := range s.methods {
				if method.Name() == f.Name() && types.Implements(method.Signature().Recv().Type(), i) && !seen[method] {
					seen[method] = true
					s.reach(s.nodes[method], seen, codes)
				}
			}
		}
	}
}

// load checks the types of the module's packages that have operations, and of those that they import.
func load(t *testing.T) *source {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Dir,GoFiles,Export,Module", "emulator/services/...")
	list.Stderr = os.Stderr
	out, err := list.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Start(); err != nil {
		t.Fatal(err)
	}
	s := &source{nodes: make(map[any]*mention)}
	files := token.NewFileSet()
	exports := make(map[string]string)
	compiled := importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	checked := make(map[string]*types.Package)
	var parsed []func()
	for d := json.NewDecoder(out); ; { // dependencies come before what needs them
		var p struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
			Module                  *struct{ Main bool }
		}
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if p.Module == nil || !p.Module.Main {
			continue
		}
		var syntax []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			syntax = append(syntax, f)
		}
		info := &types.Info{Uses: make(map[*ast.Ident]types.Object), Defs: make(map[*ast.Ident]types.Object), Types: make(map[ast.Expr]types.TypeAndValue)}
		config := types.Config{Importer: importerFunc(func(path string) (*types.Package, error) {
			if own := checked[path]; own != nil {
				return own, nil
			}
			return compiled.Import(path)
		})}
		if checked[p.ImportPath], err = config.Check(p.ImportPath, files, syntax, info); err != nil {
			t.Fatal(err)
		}
		r := reader{source: s, files: files, info: info, service: p.ImportPath[strings.LastIndexByte(p.ImportPath, '/')+1:]}
		if r.service == "cloudhsm" { // whose model has the name of the API's second version
			r.service = "cloudhsmv2"
		}
		r.declarations(syntax)
		parsed = append(parsed, func() { r.read(syntax) })
	}
	if err := list.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, read := range parsed {
		read()
	}
	return s
}

type importerFunc func(path string) (*types.Package, error)

func (f importerFunc) Import(path string) (*types.Package, error) { return f(path) }

// reader reads a package.
type reader struct {
	*source
	files   *token.FileSet
	info    *types.Info
	service string
}

// declarations notes the methods, and the functions to which callers give the code of an error.
func (r *reader) declarations(syntax []*ast.File) {
	for _, f := range syntax {
		for _, d := range f.Decls {
			function, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			object := r.info.Defs[function.Name].(*types.Func)
			m := &mention{codes: make(map[string]string), codeParameter: -1}
			r.nodes[object] = m
			if function.Recv != nil {
				r.methods = append(r.methods, object)
			}
			ast.Inspect(function, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if ok && r.isAPI(call.Fun, "Errorf") && r.info.Types[call.Args[0]].Value == nil {
					if id, ok := call.Args[0].(*ast.Ident); ok {
						for i := range object.Signature().Params().Len() {
							if r.info.Uses[id] == object.Signature().Params().At(i) {
								m.codeParameter = i
							}
						}
					}
					if selected, ok := call.Args[0].(*ast.SelectorExpr); ok && r.info.Types[selected.X].Type.String() == "*emulator/saml.Error" {
						return true // whoever mentions one has its code
					}
					if m.codeParameter < 0 {
						m.codes["a code that is computed"] = r.files.Position(call.Pos()).String()
					}
				}
				return true
			})
		}
	}
}

func (r *reader) read(syntax []*ast.File) {
	for _, f := range syntax {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				r.mentions(d, r.nodes[r.info.Defs[d.Name]])
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR {
						m := &mention{codes: make(map[string]string), codeParameter: -1}
						r.mentions(v, m)
						for _, name := range v.Names {
							r.nodes[r.info.Defs[name]] = m
						}
					}
				}
			}
		}
	}
}

// mentions collects what a piece of syntax mentions.
func (r *reader) mentions(n ast.Node, m *mention) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			switch object := r.info.Uses[n].(type) {
			case *types.Func:
				m.of = append(m.of, object.Origin())
			case *types.Var:
				if object.Pkg() != nil && object.Parent() == object.Pkg().Scope() {
					m.of = append(m.of, object)
				}
			}
		case *ast.CompositeLit:
			position := r.files.Position(n.Pos()).String()
			switch r.info.Types[n].Type.String() {
			case "emulator/api.Error":
				if r.service != "api" {
					m.codes["an Error that is not made with Errorf"] = position
				}
			case "emulator/saml.Error":
				m.codes[constant.StringVal(r.info.Types[n.Elts[0]].Value)] = position
			}
		case *ast.CallExpr:
			return r.call(n, m, "")
		}
		return true
	})
}

// call notes the error that a call makes, with members that it is given, and reports whether to look into it.
func (r *reader) call(call *ast.CallExpr, m *mention, members string) bool {
	if r.isAPI(call.Fun, "With") {
		inner, ok := call.Fun.(*ast.SelectorExpr).X.(*ast.CallExpr)
		if !ok || r.info.Types[call.Args[0]].Value == nil || r.info.Types[call.Args[1]].Value == nil {
			m.codes["a member that is computed"] = r.files.Position(call.Pos()).String()
			return true
		}
		pair := constant.StringVal(r.info.Types[call.Args[0]].Value) + "=" + constant.StringVal(r.info.Types[call.Args[1]].Value)
		r.call(inner, m, strings.TrimSpace(pair+" "+members))
		return false
	}
	code := -1
	switch {
	case r.isAPI(call.Fun, "Errorf"):
		code = 0
	case r.isAPI(call.Fun, "Op"):
		root := &mention{codes: make(map[string]string)}
		r.mentions(call.Args[1], root)
		r.operations = append(r.operations, operation{r.service, constant.StringVal(r.info.Types[call.Args[0]].Value), root})
	default:
		if f, ok := r.callee(call.Fun).(*types.Func); ok && r.nodes[f.Origin()] != nil {
			code = r.nodes[f.Origin()].codeParameter
		}
	}
	if code >= 0 && r.info.Types[call.Args[code]].Value != nil {
		made := constant.StringVal(r.info.Types[call.Args[code]].Value)
		if members != "" {
			made += " with " + members
			for _, arg := range call.Args { // which nobody else looks at
				r.mentions(arg, m)
			}
		}
		m.codes[made] = r.files.Position(call.Pos()).String()
	}
	return true
}

func (r *reader) isAPI(f ast.Expr, name string) bool {
	object := r.callee(f)
	return object != nil && object.Pkg() != nil && object.Pkg().Path() == "emulator/api" && object.Name() == name
}

func (r *reader) callee(f ast.Expr) types.Object {
	switch f := f.(type) {
	case *ast.Ident:
		return r.info.Uses[f]
	case *ast.SelectorExpr:
		return r.info.Uses[f.Sel]
	case *ast.IndexExpr:
		return r.callee(f.X)
	}
	return nil
}
