import "reflect-metadata";
import { Controller, Get, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";

@Controller()
class Pages {
  @Get()
  hello(): string {
    return "Hello";
  }
}

@Module({ controllers: [Pages] })
class App {}

void NestFactory.create(App);
