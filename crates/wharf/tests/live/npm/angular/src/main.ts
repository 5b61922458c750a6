import { Component, signal } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { FormsModule } from '@angular/forms';
@Component({ selector: 'app-root', imports: [FormsModule], template: '<h1>{{ title() }}</h1><input [(ngModel)]="name">' })
class App { title = signal('Hello Wharf'); name = ''; }
bootstrapApplication(App);
